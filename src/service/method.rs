//! Tables of methods: the kind of request, the name and the handler of a method stand in one line.
//!
//! ```ignore
//! const METHODS: &[Method<ServiceContext>] = &[
//!     get("list_nodes", |service, call| Box::pin(list_nodes(service, call))),
//! ];
//! ```
//!
//! Must not know: what a method does, and who may call it.

use std::pin::Pin;
use std::sync::Arc;

use super::call::Call;
use super::error::MethodError;
use super::reply::Reply;
use crate::rpc::{CallKind, Response, RpcRequest};

/// What a handler returns.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<Reply, MethodError>> + Send>>;

/// One line of a table of methods. `S` is what the handlers of the table work with.
pub(crate) struct Method<S: 'static> {
    /// Over which kind of request it is called.
    pub kind: CallKind,
    /// Its name.
    pub name: &'static str,
    /// What carries it out.
    pub handler: fn(S, Call) -> Answer,
}

/// A method called by GET.
pub(crate) const fn get<S>(name: &'static str, handler: fn(S, Call) -> Answer) -> Method<S> {
    Method { kind: CallKind::Get, name, handler }
}

/// A method called by POST.
pub(crate) const fn post<S>(name: &'static str, handler: fn(S, Call) -> Answer) -> Method<S> {
    Method { kind: CallKind::Post, name, handler }
}

/// A method called by upload.
pub(crate) const fn upload<S>(name: &'static str, handler: fn(S, Call) -> Answer) -> Method<S> {
    Method { kind: CallKind::Upload, name, handler }
}

/// Returns the method of `table` that `request` calls.
#[must_use]
pub(crate) fn find<S>(table: &'static [Method<S>], request: &RpcRequest) -> Option<&'static Method<S>> {
    table.iter().find(|method| method.kind == request.kind && method.name == request.method)
}

/// A method together with what it works with: the lines of tables of different types become one type.
pub(crate) struct BoundMethod {
    /// Over which kind of request it is called.
    pub kind: CallKind,
    /// Its name.
    pub name: &'static str,
    handler: Box<dyn Fn(Call) -> Answer + Send + Sync>,
}

impl BoundMethod {
    /// Returns whether `request` calls this method.
    #[must_use]
    pub(crate) fn is_called_by(&self, request: &RpcRequest) -> bool {
        self.kind == request.kind && self.name == request.method
    }

    /// Carries the method out.
    pub(crate) fn call(&self, call: Call) -> Answer {
        (self.handler)(call)
    }
}

/// Binds every line of `table` to `side`.
#[must_use]
pub(crate) fn bind<S: Send + Sync>(table: &'static [Method<Arc<S>>], side: &Arc<S>) -> Vec<BoundMethod> {
    let bound = table.iter().map(|method| {
        let side = Arc::clone(side);
        let handler = Box::new(move |call| (method.handler)(Arc::clone(&side), call));
        BoundMethod { kind: method.kind, name: method.name, handler }
    });
    bound.collect()
}

/// Answers a request that is in none of the tables of its service, as ConPaaS 2.0 does; `kinds`
/// are the kinds of request that the service has any method for.
#[must_use]
pub(crate) fn not_found(mut kinds: impl Iterator<Item = CallKind>, request: &RpcRequest) -> Response {
    let has_kind = kinds.any(|kind| kind == request.kind);
    Response::refusal(404, if has_kind { "Method not found" } else { "Service not found" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::manager::LogText;

    const TABLE: &[Method<Arc<String>>] = &[
        get("first", |side, _| {
            Box::pin(async move { Ok(Reply::of(&LogText { log: format!("{side} first"), cursor: None })) })
        }),
        post("second", |side, _| {
            Box::pin(async move { Ok(Reply::of(&LogText { log: format!("{side} second"), cursor: None })) })
        }),
    ];

    fn request(kind: CallKind, method: &str) -> RpcRequest {
        RpcRequest {
            kind,
            service_id: 0,
            method: method.to_owned(),
            params: Default::default(),
            files: Default::default(),
            id: 1.into(),
        }
    }

    #[test]
    fn a_method_is_found_by_its_name_over_its_kind_of_request() {
        assert_eq!(find(TABLE, &request(CallKind::Post, "second")).map(|method| method.name), Some("second"));
        assert!(find(TABLE, &request(CallKind::Get, "second")).is_none());
        assert!(find(TABLE, &request(CallKind::Post, "third")).is_none());
    }

    #[test]
    fn a_service_without_any_method_of_this_kind_is_not_found() {
        let kinds = || TABLE.iter().map(|method| method.kind);
        assert_eq!(not_found(kinds(), &request(CallKind::Get, "third")).status(), 404);
        assert_eq!(not_found(kinds(), &request(CallKind::Upload, "third")).status(), 404);
    }

    #[tokio::test]
    async fn a_bound_method_works_with_its_own_side() {
        let bound = bind(TABLE, &Arc::new("left".to_owned()));
        let call = Call::new(Default::default(), Default::default());
        let Ok(Reply::Value(value)) = bound[1].call(call).await else { panic!("a value") };
        assert_eq!(value, serde_json::json!({ "log": "left second" }));
    }
}
