//! `f1-ingest replay`: recordings over HTTP, for runtimes other than this one.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use http::{StatusCode, Uri};

use crate::listen::{self, Callers};
use crate::recording::Recordings;
use crate::stdio::announce;

/// Serves recordings at `address` (`host:port`) as `http://ADDR/<host>/<path>` until it is told to stop. Fails if a
/// recording cannot be read or the address cannot be used.
pub fn serve(folders: &[PathBuf], address: &str) -> Result<u8> {
    let recordings = Arc::new(Recordings::open(folders)?);
    listen::runtime()?.block_on(async {
        let listener = listen::bind(address).await?;
        announce(&format!("http://{}/<host>/<path>\n", listener.local_addr()?));
        listen::serve(
            listener,
            Callers::Programs,
            move |request| {
                let recordings = recordings.clone();
                async move {
                    let [https, http] = upstream_urls(request.uri());
                    let answer = recordings.answer(&https)?;
                    match answer.status() {
                        StatusCode::NOT_FOUND => recordings.answer(&http),
                        _ => Ok(answer),
                    }
                }
            },
            async {},
        )
        .await
    })
}

/// The upstream URLs that a path here may stand for.
fn upstream_urls(path: &Uri) -> [String; 2] {
    let rest = path.path_and_query().map_or("/", |path| path.as_str()).trim_start_matches('/');
    ["https", "http"].map(|scheme| format!("{scheme}://{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_an_upstream_url() {
        let urls = upstream_urls(&"/api.example/f1/x.json?limit=3".parse().unwrap());
        assert_eq!(urls, ["https://api.example/f1/x.json?limit=3", "http://api.example/f1/x.json?limit=3"]);
    }
}
