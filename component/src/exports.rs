//! What the component exports: `wasi:cli/run`, `wasi:http/incoming-handler` and `f1:ingest/job`.

mod command;
mod incoming_handler;
mod typed;

pub use command::run;

/// The types and traits of our own world.
#[allow(unsafe_code)]
mod bindings {
    wit_bindgen::generate!({ path: "../wit", world: "f1:ingest/typed", pub_export_macro: true });
}

/// What a runtime calls. What the macros make is the one unsafe code of the component, here and in the bindings.
#[allow(unsafe_code)]
mod entry {
    use super::bindings;
    use super::incoming_handler::Handler;
    use super::typed::Component;
    bindings::export!(Component with_types_in bindings);
    wasip2::http::proxy::export!(Handler);
}
