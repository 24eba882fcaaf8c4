//! What each node of a java service is to run.

use super::settings::JavaSettings;
use crate::api::web::Tomcat;
use crate::service::error::MethodError;
use crate::service::plan::{NodePlan, PlanInput};
use crate::service::web::BACKEND_PORT;
use crate::service::web::plan::{Site, part};

/// Tomcat bounds what it keeps of a request; a proxy has no limit of its own.
const ANY_SIZE: u32 = 0;

/// Computes the plans of all nodes.
///
/// # Errors
/// Returns an error if the settings cannot be read, or an address of a node is none.
pub(super) fn of(input: &PlanInput<'_>) -> Result<Vec<NodePlan>, MethodError> {
    let settings: JavaSettings = input.settings.read()?;
    let code = input.code.ok_or_else(|| MethodError::refused("no code version is enabled"))?;
    let site = Site {
        nodes: input.nodes,
        code,
        code_method: "updateTomcatCode",
        max_body_mb: ANY_SIZE,
        web_weights: &settings.web_weights,
        backend_weights: &settings.backend_weights,
        backend_port: BACKEND_PORT,
        document_root: None,
        hooks: &settings.hooks,
    };
    // Another version is another part: a backend answers once the program has started there, or says why not.
    let environment = input.environment.clone();
    let tomcat = Tomcat { port: BACKEND_PORT, code_version: code.to_owned(), environment };
    let backend = part("tomcat", 2, ["createTomcat"; 2], "stopTomcat", &tomcat);
    site.plans(None, &backend, |proxy, backends| proxy.tomcat_list = backends)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::environment::Variables;
    use crate::service::plan::Deed;
    use crate::service::settings::Document;
    use crate::service::web::plan::tests::node;

    #[test]
    fn backends_start_new_code_before_proxies_know_of_it() {
        let nodes = [node("p", 2, "proxyweb"), node("b", 3, "backend")];
        let settings = Document::of(&JavaSettings::default()).unwrap();
        let plans = of(&PlanInput {
            settings: &settings,
            nodes: &nodes,
            code: Some("code-a"),
            environment: &Variables::default(),
        })
        .unwrap();
        let part = |node: usize, name: &str| plans[node].parts.iter().find(|part| part.name == name).cloned();
        let tomcat = part(1, "tomcat").unwrap();
        assert_eq!(tomcat.wanted, r#"{"tomcat_port":9000,"code_version":"code-a"}"#);
        assert!(tomcat.change.stage < part(0, "proxy").unwrap().change.stage);
        let code = part(0, "code").unwrap();
        assert!(matches!(code.first.deed, Deed::Code { method: "updateTomcatCode", .. }));
        assert!(part(0, "sessions").is_none() && part(0, "tomcat").is_none());
    }
}
