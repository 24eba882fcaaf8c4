//! What the configuration names, by id or by name (as upstream: the id counts first).
//!
//! Ids that were found are kept: what a director makes all day is the same
//! image in the same network. One that is refused is looked up again.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::call::{Call, CallError, Service};
use super::error_text;
use super::project::Project;
use super::responses::{Flavor, Flavors, Image, Images, Network, Networks, SecurityGroup, SecurityGroups};
use crate::cloud::CloudError;

impl Project {
    pub(crate) async fn image_id(&self, action: &str) -> Result<String, CloudError> {
        self.id("IMAGE_ID", &self.config.image_id, action, || async {
            Ok(self.image(&self.config.image_id).await?.map(|image| image.id))
        })
        .await
    }

    pub(crate) async fn flavor_id(&self, wanted: &str, action: &str) -> Result<String, CloudError> {
        self.id("SIZE_ID", wanted, action, || async { Ok(self.flavor(wanted).await?.map(|flavor| flavor.id)) }).await
    }

    pub(crate) async fn network_id(&self, wanted: &str, action: &str) -> Result<String, CloudError> {
        self.id("NETWORK_ID", wanted, action, || async { Ok(self.network(wanted).await?.map(|network| network.id)) })
            .await
    }

    /// The pool of floating addresses.
    pub(crate) async fn pool_id(&self, wanted: Option<&str>, action: &str) -> Result<String, CloudError> {
        let shown = wanted.unwrap_or_default();
        if let Some(id) = self.ids.get("FLOATING_NETWORK_ID", shown) {
            return Ok(id);
        }
        match self.pool(wanted).await.map_err(|error| self.explain(action, &error))? {
            Some(pool) => {
                self.ids.keep("FLOATING_NETWORK_ID", shown, &pool.id);
                Ok(pool.id)
            }
            None if wanted.is_none() => Err(self.failed(action, "the cloud has no pool of floating addresses")),
            None => Err(self.failed(action, error_text::not_valid(shown, "FLOATING_NETWORK_ID"))),
        }
    }

    pub(crate) async fn image(&self, wanted: &str) -> Result<Option<Image>, CallError> {
        if is_uuid(wanted) {
            let call = Call::get("show_image", Service::Image, format!("images/{wanted}"));
            if let Some(image) = self.session.fetch_if_there(&call).await? {
                return Ok(Some(image));
            }
        }
        // The newest first: an image that was uploaded again takes the place of the old one.
        let path = format!("images?name={}&sort=created_at:desc", quoted(wanted));
        let found: Images = self.session.fetch(&Call::get("list_images", Service::Image, path)).await?;
        let mut images = found.images;
        images.sort_by_key(|image| image.status != "active");
        Ok(images.into_iter().next())
    }

    pub(crate) async fn flavors(&self) -> Result<Vec<Flavor>, CallError> {
        let call = Call::get("list_flavors", Service::Compute, "flavors/detail");
        Ok(self.session.fetch::<Flavors>(&call).await?.flavors)
    }

    pub(crate) async fn flavor(&self, wanted: &str) -> Result<Option<Flavor>, CallError> {
        let flavors = self.flavors().await?;
        let by_id = flavors.iter().find(|flavor| flavor.id == wanted);
        Ok(by_id.or_else(|| flavors.iter().find(|flavor| flavor.name == wanted)).cloned())
    }

    pub(crate) async fn network(&self, wanted: &str) -> Result<Option<Network>, CallError> {
        for key in ["id", "name"] {
            let path = format!("networks?{key}={}", quoted(wanted));
            let found: Networks = self.session.fetch(&Call::get("list_networks", Service::Network, path)).await?;
            if let Some(network) = found.networks.into_iter().next() {
                return Ok(Some(network));
            }
        }
        Ok(None)
    }

    pub(crate) async fn pool(&self, wanted: Option<&str>) -> Result<Option<Network>, CallError> {
        let call = Call::get("list_pools", Service::Network, "networks?router:external=true");
        let found = self.session.fetch::<Networks>(&call).await?.networks;
        let Some(wanted) = wanted else { return Ok(found.into_iter().next()) };
        let by_id = found.iter().find(|network| network.id == wanted);
        Ok(by_id.or_else(|| found.iter().find(|network| network.name == wanted)).cloned())
    }

    pub(crate) async fn group(&self) -> Result<Option<SecurityGroup>, CallError> {
        let wanted = &self.config.security_group;
        for key in ["id", "name"] {
            let path = format!("security-groups?{key}={}", quoted(wanted));
            let call = Call::get("list_security_groups", Service::Network, path);
            let found: SecurityGroups = self.session.fetch(&call).await?;
            if let Some(group) = found.security_groups.into_iter().next() {
                return Ok(Some(group));
            }
        }
        Ok(None)
    }

    async fn id<F: Future<Output = Result<Option<String>, CallError>>>(
        &self,
        key: &'static str,
        value: &str,
        action: &str,
        look: impl FnOnce() -> F,
    ) -> Result<String, CloudError> {
        if let Some(id) = self.ids.get(key, value) {
            return Ok(id);
        }
        match look().await.map_err(|error| self.explain(action, &error))? {
            Some(id) => {
                self.ids.keep(key, value, &id);
                Ok(id)
            }
            None => Err(self.failed(action, error_text::not_valid(value, key))),
        }
    }
}

/// For a value in a query or a path.
pub(crate) fn quoted(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn is_uuid(text: &str) -> bool {
    let plain: Vec<char> = text.chars().filter(|c| *c != '-').collect();
    plain.len() == 32 && plain.iter().all(char::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_leave_its_place_in_a_query() {
        assert_eq!(quoted("a b&name=c/../d"), "a%20b%26name%3Dc%2F%2E%2E%2Fd");
    }

    #[test]
    fn only_what_looks_like_an_id_is_asked_for_as_one() {
        assert!(is_uuid("6f7dc2a4-3c6c-4e6f-9d5a-0a1b2c3d4e5f") && is_uuid("6f7dc2a43c6c4e6f9d5a0a1b2c3d4e5f"));
        assert!(!is_uuid("debian-12") && !is_uuid("6f7dc2a4-3c6c-4e6f-9d5a-0a1b2c3d4e5g") && !is_uuid(""));
    }
}
