//! `f1-ingest store`: a folder as an S3 store, for any client.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::sync::OnceCell;

use crate::listen::{self, Callers, PATIENCE, Patient};
use crate::stdio::{announce, say};
use crate::store::{Clients, EmbeddedS3, random_key};
use crate::variables::variable;

/// The region, if the environment names none.
const REGION: &str = "us-east-2";

/// Serves `folder` at `address` (`host:port`) until it is told to stop. Keys and region are those of the environment, if
/// it has them. Fails if the folder or the address cannot be used.
pub fn serve(folder: &Path, address: &str, names: Vec<String>) -> Result<u8> {
    let key = variable("AWS_ACCESS_KEY_ID").unwrap_or_else(random_key);
    let (secret, shown) = match variable("AWS_SECRET_ACCESS_KEY") {
        // Whoever set it knows it; it is not for everybody who sees this output.
        Some(secret) => (secret, "# AWS_SECRET_ACCESS_KEY: as in this program's environment".to_owned()),
        None => {
            let secret = random_key();
            let shown = format!("export AWS_SECRET_ACCESS_KEY={secret}");
            (secret, shown)
        }
    };
    let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
    let region = region.unwrap_or_else(|| REGION.to_owned());
    let served = Served {
        folder: folder.to_owned(),
        key: key.clone(),
        secret,
        region: region.clone(),
        store: OnceCell::new(),
    };
    let served = Arc::new(served);
    listen::runtime()?.block_on(async {
        if served.open().await?.is_none() {
            say(&format!(
                "{} is not there and is not made, as the name may be mistyped: requests are refused until there is such a folder",
                folder.display()
            ));
        }
        let listener = listen::bind(address).await?;
        let endpoint = listener.local_addr()?;
        announce(&format!(
            "# {} as an S3 store, until Ctrl-C:\n\
             export AWS_ENDPOINT_URL_S3=http://{endpoint}\n\
             export AWS_REGION={region} AWS_DEFAULT_REGION={region}\n\
             export AWS_ACCESS_KEY_ID={key}\n\
             {shown}\n",
            folder.display()
        ));
        listen::serve(
            listener,
            Callers::ProgramsBy(names.leak()),
            // As at S3, a request that came whole is carried out even if its client does not wait for the answer.
            move |request| {
                let served = served.clone();
                async move { tokio::spawn(async move { served.answer(request).await }).await? }
            },
            async {},
        )
        .await
    })
}

/// A folder, and its store once the folder is there.
struct Served {
    folder: PathBuf,
    key: String,
    secret: String,
    region: String,
    store: OnceCell<EmbeddedS3>,
}

impl Served {
    /// The store; none as long as the folder is not there.
    async fn open(&self) -> Result<Option<&EmbeddedS3>> {
        if !self.store.initialized() && !self.folder.is_dir() {
            return Ok(None);
        }
        let open = || EmbeddedS3::open(&self.folder, &self.key, &self.secret, &self.region, Clients::Anybody);
        self.store.get_or_try_init(open).await.map(Some)
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<s3s::Body>> {
        match self.open().await? {
            Some(store) => {
                let body = |body| s3s::Body::http_body_unsync(Patient::new(body, PATIENCE));
                store.answer(request.map(body)).await
            }
            None => {
                let why = format!("{} is not there: make it, or correct its name\n", self.folder.display());
                Ok(Response::builder().status(StatusCode::SERVICE_UNAVAILABLE).body(s3s::Body::from(why))?)
            }
        }
    }
}
