//! A job's bucket as its owner looks at it: the catalogue and the objects, read from outside the sandbox, by the same code,
//! through the same allow-list, proxies and embedded store as a run.

use std::future::Future;

use anyhow::Result;
use clap::{Args, Parser};
use f1_ingest_component::catalog::record::Record;
use f1_ingest_component::catalog::{self, Prefix, Reading};
use f1_ingest_component::error::Error;
use f1_ingest_component::http::client::Client;
use f1_ingest_component::http::gzip::Gunzip;
use f1_ingest_component::http::transport::Response;
use f1_ingest_component::http::url::authority;
use f1_ingest_component::job::Job;
use f1_ingest_component::options::{Command, read};
use f1_ingest_component::plan::{self, Planned, Texts};
use f1_ingest_component::s3::client::S3Client;
use f1_ingest_component::s3::key::ROOT;
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;

use crate::command_line::{help, version};
use crate::credentials;
use crate::native::Native;
use crate::options::{HostOptions, When};
use crate::outbound::{Outbound, Watch};
use crate::prepare::prepare;
use crate::random;
use crate::stdio::announce;
use crate::variables::{Variables, environment};

/// Where the catalogue lies if nothing else is said.
const CATALOG: &str = "catalog/";

/// Where a command finds the catalogue.
#[derive(Args)]
pub struct CatalogOption {
    /// Where the bucket's catalogue lies [env: F1_CATALOG] [default: catalog/]
    #[arg(long, value_name = "PREFIX", value_parser = Prefix::parse)]
    catalog: Option<Prefix>,
}

impl CatalogOption {
    /// The prefix: the option's, the variable's, which is taken out, or the default. The runs of a backfill do not see it:
    /// the host notes what they do.
    pub fn take(&self, variables: &mut Variables) -> Result<Prefix> {
        let variable = variables.remove("F1_CATALOG").filter(|text| !text.is_empty());
        let variable = variable.map(|text| Prefix::parse(&text)).transpose();
        let variable = variable.map_err(|why| Error::usage(format!("F1_CATALOG: {why}")))?;
        match self.catalog.clone().or(variable) {
            Some(prefix) => Ok(prefix),
            None => Ok(Prefix::parse(CATALOG).map_err(Error::usage)?),
        }
    }
}

/// The options of a command that asks a bucket.
#[derive(Args)]
pub struct LakeOptions {
    /// As JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    catalog: CatalogOption,
    #[command(flatten)]
    host: HostOptions,
}

/// A bucket, open.
pub struct Lake {
    runtime: Runtime,
    client: Client<Native>,
    pub job: Job,
    /// With the keys that were found, if they do not expire.
    pub variables: Variables,
    pub catalog: Prefix,
}

impl Lake {
    /// The bucket that a command is asked about; none if it was asked for help only, which is given. `L` is its line.
    pub fn of_line<L: Parser>(options: &LakeOptions, arguments: &[String]) -> Result<Option<Lake>> {
        let LakeOptions { catalog, host, .. } = options;
        let mut variables = environment();
        let catalog = catalog.take(&mut variables)?;
        let (variables, command) = prepare(host, arguments, variables)?;
        match command {
            Command::Help => announce(&help::<L>()),
            Command::Version => announce(&version()),
            Command::Ingest(_) => {
                let host = HostOptions { progress: When::Never, ..host.clone() };
                return Lake::open(&host, arguments, &variables, catalog).map(Some);
            }
        }
        Ok(None)
    }

    /// Opens the bucket that these arguments and variables name. Fails on wrong usage, or without credentials.
    pub fn open(
        host: &HostOptions,
        arguments: &[String],
        variables: &Variables,
        catalog: Prefix,
    ) -> Result<Lake> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let job = |variables: &Variables| match read(arguments, |name| variables.get(name).cloned())? {
            Command::Ingest(job) => Ok(*job),
            Command::Help | Command::Version => Err(Error::usage("--help and --version stand alone")),
        };
        let (variables, endpoint) =
            runtime.block_on(credentials::complete(host.profile.as_deref(), variables, &job(variables)?))?;
        let job = Job { items: plan::asking(), ..job(&variables)? };
        let http = job.http(random::number());
        let outbound =
            Outbound::new(host, &variables, &job, endpoint, None, Watch::default(), http.log.clone());
        let outbound = runtime.block_on(outbound)?;
        let client = Client::new(Native::new(outbound), http);
        Ok(Lake { runtime, client, job, variables, catalog })
    }

    fn wait<T>(&self, work: impl Future<Output = f1_ingest_component::error::Result<T>>) -> Result<T> {
        Ok(self.runtime.block_on(work)?)
    }

    fn s3(&self) -> S3Client<'_, Native> {
        S3Client::new(&self.client, &self.job.bucket)
    }

    /// All that the catalogue says. Fails if the store refuses to list or to read.
    pub fn read(&self) -> Result<Reading> {
        self.wait(catalog::read(&self.s3(), &self.catalog))
    }

    /// As [`Lake::read`], from records and keys alone.
    pub fn read_afresh(&self) -> Result<Reading> {
        self.wait(catalog::afresh(&self.s3(), &self.catalog))
    }

    pub fn note(&self, record: &Record, part: usize) -> Result<()> {
        self.wait(catalog::note(&self.s3(), &self.catalog, record, part))
    }

    /// As [`Lake::read`]; what took long to read the next reader is spared, if this user may write.
    pub fn read_and_compact(&self) -> Result<Reading> {
        let reading = self.read()?;
        if reading.is_long()
            && let Err(error) = self.snapshot(&reading, &random::hex_of(16))
        {
            tracing::debug!("{error:#}");
        }
        Ok(reading)
    }

    pub fn snapshot(&self, reading: &Reading, id: &str) -> Result<()> {
        self.wait(catalog::snapshot(&self.s3(), &self.catalog, reading, id))
    }

    /// The plan of a selection. Fails if a schedule cannot be had.
    pub fn plan(&self, texts: &Texts) -> Result<Vec<Planned>> {
        self.wait(plan::make(&self.client, &self.job.upstreams, texts))
    }

    /// The object at a key, if there is one.
    pub fn get(&self, key: &str) -> Result<Option<Response>> {
        self.wait(self.s3().get(key))
    }

    /// The SHA-256 of the document at a key, if it is there: what its metadata say, or else that of its bytes.
    pub fn hash(&self, key: &str) -> Result<Option<String>> {
        let there = self.wait(self.client.retry(async || self.s3().head(key).await))?;
        let said = there.and_then(|there| there.header("x-amz-meta-sha256").map(str::to_owned));
        match said {
            Some(sha256) => Ok(Some(sha256)),
            None => {
                let document = self.get(key)?.map(document).transpose()?;
                Ok(document.map(|bytes| hex::encode(Sha256::digest(bytes))))
            }
        }
    }

    /// The keys of all that lies where the documents are.
    pub fn documents(&self) -> Result<Vec<String>> {
        let mut keys = Vec::new();
        self.wait(self.s3().listed(ROOT, "", |object| keys.push(object.key)))?;
        Ok(keys)
    }

    /// Length and SHA-256 of the document at a key, if its metadata tell.
    pub fn described(&self, key: &str) -> Result<Option<(u64, String)>> {
        let Some(object) = self.get(key)? else { return Ok(None) };
        let Some(sha256) = object.header("x-amz-meta-sha256").map(str::to_owned) else { return Ok(None) };
        Ok(Some((document(object)?.len() as u64, sha256)))
    }

    /// `host[:port]` of the store.
    pub fn store(&self) -> String {
        authority(&self.job.bucket.url())
    }
}

/// The bytes of a document, without the object's compression.
pub fn document(object: Response) -> Result<Vec<u8>> {
    if object.header("content-encoding") != Some("gzip") {
        return Ok(object.body);
    }
    let mut gunzip = Gunzip::default();
    let mut bytes = gunzip.decode(&object.body)?;
    bytes.extend(gunzip.finish()?);
    Ok(bytes)
}
