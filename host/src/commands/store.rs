//! `f1-ingest store`: a folder as an S3 store, for any client.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use f1_ingest_component::error::Error;

use crate::listen::{self, Callers};
use crate::stdio::announce;
use crate::store::{EmbeddedS3, random_key};
use crate::variables::variable;

/// The region, if the environment names none.
const REGION: &str = "us-east-2";

/// Serves `folder` at `address` (`host:port`) until it is told to stop. Keys and region are those of the environment, if
/// it has them. Fails if the folder or the address cannot be used.
pub fn serve(folder: &Path, address: &str) -> Result<u8> {
    if !folder.is_dir() {
        let why = "there is no such folder; `run --store` makes one";
        return Err(Error::usage(format!("{}: {why}", folder.display())).into());
    }
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
    let store = Arc::new(EmbeddedS3::open(folder, &key, &secret, &region)?);
    listen::runtime()?.block_on(async {
        let listener = listen::bind(address).await?;
        let endpoint = listener.local_addr()?;
        announce(&format!(
            "# {} as an S3 store, until Ctrl-C:\n\
             export AWS_ENDPOINT_URL_S3=http://{endpoint}\n\
             export AWS_REGION={region}\n\
             export AWS_ACCESS_KEY_ID={key}\n\
             {shown}\n",
            folder.display()
        ));
        listen::serve(
            listener,
            Callers::Programs,
            // As at S3, a request that came whole is carried out even if its client does not wait for the answer.
            move |request| {
                let store = store.clone();
                async move {
                    tokio::spawn(async move { store.answer(request.map(s3s::Body::from)).await }).await?
                }
            },
            async {},
        )
        .await
    })
}
