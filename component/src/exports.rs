//! What the component exports: `wasi:cli/run`, `wasi:http/incoming-handler` and `f1:ingest/job`.

mod command;
mod incoming_handler;
mod typed;

pub use command::run;

/// What the macros of the bindings make: the one unsafe code of the component.
#[allow(unsafe_code)]
mod bindings {
    use super::incoming_handler::Handler;
    use super::typed::Component;
    wit_bindgen::generate!({ path: "../wit", world: "f1:ingest/typed" });
    export!(Component);
    wasip2::http::proxy::export!(Handler);
}
