//! `f1-ingest serve`: the job on request and by the clock.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use f1_ingest_component::error::Error;
use f1_ingest_component::options::Command;

use crate::listen;
use crate::observe::Observers;
use crate::options::{ServeLine, help, take};
use crate::run::{environment, prepare};
use crate::runner::Runner;
use crate::schedule::{State, keep};
use crate::service::Service;

/// Serves until it is told to stop. Options and environment say what the job does, and its sandbox
/// follows from them.
pub fn serve(arguments: Vec<String>) -> Result<u8> {
    let (ServeLine { serve, host }, arguments) = take::<ServeLine>(arguments)?;
    match prepare(&host, &arguments, environment())?.1 {
        Command::Ingest(_) => {}
        Command::Help => {
            print!("{}", help::<ServeLine>());
            return Ok(0);
        }
        Command::Version => {
            println!("f1-ingest {}", env!("CARGO_PKG_VERSION"));
            return Ok(0);
        }
    }
    let state = State::new(serve.state);
    let last = state.read()?;
    state.write(last).map_err(|error| Error::usage(format!("{error:#}")))?;
    let token = std::env::var("F1_INGEST_TOKEN").ok().filter(|token| !token.is_empty());
    let has_token = token.is_some();
    let observers = Observers::new(&host)?;
    let service = Service::new(Runner::new(host, observers)?, arguments, token);

    listen::runtime()?.block_on(async {
        let listener = listen::bind(&serve.listen).await?;
        let address = listener.local_addr()?;
        if !has_token && !is_private(&address) {
            return Err(Error::usage(format!(
                "--listen {address}: others could run the job there; set F1_INGEST_TOKEN to a secret that \
                 callers have to know, or listen on 127.0.0.1"
            ))
            .into());
        }
        listen::say(&format!("listening on http://{address}"));
        if let Some(schedule) = serve.schedule {
            tokio::spawn(keep(schedule, state, last, service.clone()));
        }
        let answering: Arc<Service> = service.clone();
        listen::serve(listener, move |request| answering.clone().answer(request), service.stop()).await
    })
}

/// Whether only this machine can reach an address.
fn is_private(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}
