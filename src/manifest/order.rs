//! Which service comes before which: one that is linked to another comes after it.

use super::document::{ServiceEntry, Start};

/// Returns the places of services in the order in which they are made.
///
/// # Errors
/// Returns the place of a service that is linked to none of them, to one that is not started, or to itself over others.
pub(crate) fn order(services: &[ServiceEntry]) -> Result<Vec<usize>, (usize, String)> {
    let mut needs = Vec::new();
    for (place, entry) in services.iter().enumerate() {
        let mut of_one = Vec::new();
        for link in &entry.links {
            let name = link.service();
            let found = services.iter().position(|other| is_called(other, name));
            let found = found.ok_or_else(|| (place, format!("no service is called '{name}'")))?;
            if services[found].start == Start::Later {
                return Err((place, format!("'{name}' is not started: its Start is 0")));
            }
            of_one.push(found);
        }
        needs.push(of_one);
    }
    let mut order: Vec<usize> = Vec::new();
    while order.len() < services.len() {
        let is_next = |place: &usize| !order.contains(place) && needs[*place].iter().all(|need| order.contains(need));
        match (0..services.len()).find(is_next) {
            Some(next) => order.push(next),
            None => {
                let place = (0..services.len()).find(|place| !order.contains(place)).unwrap_or_default();
                return Err((place, "the service is linked to itself, over others or not".to_owned()));
            }
        }
    }
    Ok(order)
}

/// A service without a name is called as its kind.
fn is_called(entry: &ServiceEntry, name: &str) -> bool {
    entry.service_name.as_deref().unwrap_or(&entry.kind) == name
}

#[cfg(test)]
mod tests {
    use super::super::document::Link;
    use super::*;

    fn services(links: &[(&str, &str)]) -> Vec<ServiceEntry> {
        let entry = |(name, to): &(&str, &str)| ServiceEntry {
            kind: "php".to_owned(),
            service_name: Some((*name).to_owned()),
            links: if to.is_empty() { Vec::new() } else { vec![Link::Name((*to).to_owned())] },
            ..ServiceEntry::default()
        };
        links.iter().map(entry).collect()
    }

    #[test]
    fn what_others_need_comes_first_and_all_else_as_it_is_written() {
        assert_eq!(order(&services(&[("a", "c"), ("b", ""), ("c", "")])), Ok(vec![1, 2, 0]));
        assert_eq!(order(&services(&[("a", ""), ("b", "a")])), Ok(vec![0, 1]));
        assert!(order(&services(&[("a", "b"), ("b", "a")])).unwrap_err().1.contains("linked to itself"));
        assert_eq!(order(&services(&[("a", "x")])).unwrap_err().0, 0);
        let mut idle = services(&[("a", ""), ("b", "a")]);
        idle[0].start = Start::Later;
        assert!(order(&idle).unwrap_err().1.contains("not started"));
    }
}
