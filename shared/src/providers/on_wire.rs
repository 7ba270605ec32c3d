//! What a finished request does, read from its method, path and headers. It knows nothing of the plan that the request was made of, so a call
//! that was planned under a wrong type is seen here.

use super::call::Effect;
use crate::model::http::HttpRequest;

/// The headers that name an action. A request with more than one of them could mean one thing to us and another one to the cloud.
pub(crate) const NAMING: [&str; 3] = ["x-acs-action", "x-tc-action", "x-amz-target"];

/// An action of a cloud that names it in a header.
pub(crate) struct Action {
    /// The provider's name for the action.
    pub name: &'static str,
    /// The version of the API that the action belongs to.
    pub version: &'static str,
    /// What the action does.
    pub effect: Effect,
}

/// A path of a cloud that has one for each action.
pub(crate) struct Route {
    /// The HTTP method.
    pub method: &'static str,
    /// The path, in which `*` stands for one segment.
    pub path: &'static str,
    /// What a request there does.
    pub effect: Effect,
}

/// The effect of the action that the two headers name, in a request that is a POST to the root and names no action of another cloud.
pub(crate) fn by_action(request: &HttpRequest, headers: (&str, &str), actions: &[Action]) -> Option<Effect> {
    let (name, version) = (only(request, headers.0)?, only(request, headers.1)?);
    let others = NAMING.into_iter().filter(|other| *other != headers.0);
    let is_plain = request.method == "POST" && path(request) == Some("/");
    if !is_plain || others.into_iter().any(|other| values(request, other).next().is_some()) {
        return None;
    }
    actions.iter().find(|action| action.name == name && action.version == version).map(|action| action.effect)
}

/// The effect of a request's method and path, in a request that names no action in a header.
pub(crate) fn by_path(request: &HttpRequest, routes: &[Route]) -> Option<Effect> {
    let path = path(request)?;
    if NAMING.into_iter().any(|header| values(request, header).next().is_some()) {
        return None;
    }
    let fits = |route: &&Route| {
        let (wanted, found) = (route.path.split('/'), path.split('/'));
        route.method == request.method
            && wanted.clone().count() == found.clone().count()
            && wanted.zip(found).all(|(wanted, found)| match wanted {
                "*" => !found.is_empty(),
                _ => wanted == found,
            })
    };
    routes.iter().find(fits).map(|route| route.effect)
}

/// The path of a request's URL, without its query; `None` if the URL has none.
pub(crate) fn path(request: &HttpRequest) -> Option<&str> {
    let rest = request.url.split_once("://")?.1;
    let path = &rest[rest.find('/')?..];
    path.split(['?', '#']).next()
}

/// The value of a header that is there once; `None` if it is missing or doubled.
pub(crate) fn only<'r>(request: &'r HttpRequest, name: &str) -> Option<&'r str> {
    let mut values = values(request, name);
    values.next().filter(|_| values.next().is_none())
}

fn values<'r>(request: &'r HttpRequest, name: &str) -> impl Iterator<Item = &'r str> {
    let of_name = move |(found, _): &&(String, String)| found.eq_ignore_ascii_case(name);
    request.headers.iter().filter(of_name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ACTIONS: [Action; 2] = [
        Action { name: "Describe", version: "1", effect: Effect::Read },
        Action { name: "Copy", version: "1", effect: Effect::Start },
    ];
    const ROUTES: [Route; 2] = [
        Route { method: "GET", path: "/v3/*/backups/*", effect: Effect::Read },
        Route { method: "POST", path: "/v3/*/backups/*/replicate", effect: Effect::Start },
    ];

    fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> HttpRequest {
        HttpRequest {
            manner: Default::default(),
            method: method.to_owned(),
            url: format!("https://host.example{path}"),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: Vec::new(),
            timeout: Duration::ZERO,
        }
    }

    #[test]
    fn an_action_counts_only_where_nothing_else_is_named() {
        let of = |method: &str, path: &str, headers: &[(&str, &str)]| {
            by_action(&request(method, path, headers), ("x-tc-action", "x-tc-version"), &ACTIONS)
        };
        let (read, version) = (("X-TC-Action", "Describe"), ("x-tc-version", "1"));
        assert_eq!(of("POST", "/", &[read, version]), Some(Effect::Read));
        assert_eq!(of("POST", "/?a=b", &[read, version]), Some(Effect::Read));
        assert_eq!(of("POST", "/", &[("x-tc-action", "Copy"), version]), Some(Effect::Start));
        for (method, path, headers) in [
            ("POST", "/", vec![("x-tc-action", "Delete"), version]),
            ("POST", "/", vec![read, ("x-tc-version", "2")]),
            ("POST", "/", vec![read]),
            ("POST", "/", vec![version]),
            ("POST", "/", vec![read, ("x-tc-action", "Copy"), version]),
            ("POST", "/", vec![read, ("x-acs-action", "Copy"), version]),
            ("POST", "/v3/p/backups/b/replicate", vec![read, version]),
            ("DELETE", "/", vec![read, version]),
        ] {
            assert_eq!(of(method, path, &headers), None, "{method} {path} {headers:?}");
        }
    }

    #[test]
    fn a_path_counts_as_a_whole() {
        let of = |method: &str, path: &str| by_path(&request(method, path, &[]), &ROUTES);
        assert_eq!(of("GET", "/v3/p/backups/b"), Some(Effect::Read));
        assert_eq!(of("GET", "/v3/p/backups/b?x=/replicate"), Some(Effect::Read));
        assert_eq!(of("POST", "/v3/p/backups/b/replicate"), Some(Effect::Start));
        for (method, path) in [
            ("DELETE", "/v3/p/backups/b"),
            ("GET", "/v3/p/backups/"),
            ("GET", "/v3//backups/b"),
            ("GET", "/x/v3/p/backups/b"),
            ("GET", "/v3/p/backups/b/c"),
            ("POST", "/v3/p/backups/b"),
        ] {
            assert_eq!(of(method, path), None, "{method} {path}");
        }
        let named = request("GET", "/v3/p/backups/b", &[("x-acs-action", "Copy")]);
        assert_eq!(by_path(&named, &ROUTES), None);
    }
}
