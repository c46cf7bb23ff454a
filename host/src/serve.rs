//! `f1-ingest serve`: the component's HTTP trigger, a fresh sandbox for each request.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use f1_ingest_component::error::Error;
use f1_ingest_component::options::{Command, Job};
use http::{Method, Request, Response};
use hyper::body::Incoming;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use crate::credentials;
use crate::listen;
use crate::options::HostOptions;
use crate::outbound::Outbound;
use crate::run::{Variables, environment, outbound, prepare};
use crate::sandbox::{MockFile, Sandbox, State, plain};

/// Answers requests with the component until it is told to stop. The job is configured by the
/// environment, and its sandbox follows from it.
pub fn serve(address: &str, host: HostOptions) -> Result<u8> {
    let (variables, command) = prepare(&host, &[], environment())?;
    let Command::Ingest(job) = command else { return Err(anyhow!("no arguments ask for a run")) };
    let outbound = Arc::new(outbound(&host, &variables, &job)?);
    let sandbox = Sandbox::new(&host)?;
    let component = ProxyPre::new(sandbox.component.clone())
        .map_err(|_| Error::usage("the component does not export wasi:http/incoming-handler"))?;
    let service = Arc::new(Service { sandbox, component, variables, outbound, host, job });
    listen::runtime()?.block_on(async {
        let listener = listen::bind(address).await?;
        eprintln!("f1-ingest: listening on http://{}", listener.local_addr()?);
        listen::serve(listener, move |request| service.clone().answer(request)).await
    })
}

struct Service {
    sandbox: Sandbox,
    component: ProxyPre<State>,
    variables: Variables,
    outbound: Arc<Outbound>,
    host: HostOptions,
    job: Box<Job>,
}

impl Service {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<HyperOutgoingBody>> {
        let variables = match request.method() {
            &Method::POST => credentials::complete(&self.host, &self.variables, &self.job).await?,
            _ => Variables::new(),
        };
        let mut store = self.sandbox.store(&variables, None::<&MockFile>, self.outbound.clone())?;
        let (sender, response) = tokio::sync::oneshot::channel();
        let request = store.data_mut().http().new_incoming_request(Scheme::Http, request).map_err(plain)?;
        let out = store.data_mut().http().new_response_outparam(sender).map_err(plain)?;
        // The guest goes on writing its body after it has handed over the response.
        let guest = tokio::spawn(async move {
            self.sandbox
                .limited(&mut store, async |store| {
                    let proxy = self.component.instantiate_async(&mut *store).await?;
                    proxy.wasi_http_incoming_handler().call_handle(store, request, out).await
                })
                .await
        });
        match response.await {
            Ok(response) => response.map_err(|code| anyhow!("the component failed: {code:?}")),
            Err(_) => match guest.await? {
                Ok(()) => Err(anyhow!("the component gave no response")),
                Err(error) => Err(error),
            },
        }
    }
}
