//! From an address to a client.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use ::object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, Checksum, S3ConditionalPut};
use ::object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use ::object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use ::object_store::path::Path;
use ::object_store::{BackoffConfig, ClientConfigKey, Error, RetryConfig};
use url::{Host, Url};

use super::{Objects, Place, Refusal, Vendor};
use crate::environment::Environment;
use crate::model::ObjectsAddress;

/// What a client is for: it decides how long an answer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Small files, for which people wait.
    Records,
    /// Disks, over connections of any kind.
    Bytes,
}

impl Purpose {
    /// For one request with all of its body.
    fn timeout(self) -> &'static str {
        match self {
            Self::Records => "2min",
            Self::Bytes => "15min",
        }
    }

    /// How often a request is repeated that a server could not answer, or that did not reach it.
    fn retry(self) -> RetryConfig {
        let (max_retries, retry_timeout) = match self {
            Self::Records => (5, Duration::from_secs(30)),
            Self::Bytes => (10, Duration::from_mins(3)),
        };
        RetryConfig { backoff: BackoffConfig::default(), max_retries, retry_timeout }
    }
}

/// The longest wait for a connection.
const CONNECT: &str = "10s";

const USER_AGENT: &str = concat!("goldsmith/", env!("CARGO_PKG_VERSION"));

/// Makes a client for the place at `address`, with the settings and credentials of `environment`. Asks
/// nobody yet.
pub(crate) fn connect(
    address: &ObjectsAddress,
    purpose: Purpose,
    environment: &Environment,
) -> Result<Place, Refusal> {
    // An error says that there is a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (vendor, built) = match address.scheme() {
        "gs" => (Vendor::Gcs, google(address, purpose, environment)),
        "az" => (Vendor::Azure, azure(address, purpose, environment)),
        _ => (Vendor::S3, s3(address, purpose, environment)),
    };
    Ok(Place {
        store: built.map_err(|error| Refusal::of_settings(vendor, &error))?,
        prefix: Path::parse(address.prefix())
            .map_err(|error| Refusal::of_settings(vendor, &Error::InvalidPath { source: error }))?,
        location: address.location(),
        bucket: address.bucket().to_owned(),
        vendor,
    })
}

/// What the variables that begin with `vendor` say, as the vendor's own tools understand them.
fn settings<'e, K: FromStr>(
    environment: &'e Environment,
    vendor: &'static str,
) -> impl Iterator<Item = (K, &'e str)> {
    environment.iter().filter_map(move |(name, value)| {
        let is_set = name.starts_with(vendor) && !value.is_empty();
        let key = is_set.then(|| name.to_ascii_lowercase().parse().ok())?;
        Some((key?, value))
    })
}

/// What is the same for all clients. What the environment says of proxies and certificates stays.
fn options(purpose: Purpose) -> [(ClientConfigKey, &'static str); 3] {
    [
        (ClientConfigKey::Timeout, purpose.timeout()),
        (ClientConfigKey::ConnectTimeout, CONNECT),
        (ClientConfigKey::UserAgent, USER_AGENT),
    ]
}

/// Plain HTTP only where somebody has written so.
fn is_plain(endpoint: &str) -> bool {
    endpoint.starts_with("http://")
}

fn s3(
    address: &ObjectsAddress,
    purpose: Purpose,
    environment: &Environment,
) -> Result<Arc<dyn Objects>, Error> {
    let told = settings(environment, "AWS_")
        .fold(AmazonS3Builder::new(), |builder, (key, value)| builder.with_config(key, value));
    let mut builder = told
        .with_bucket_name(address.bucket())
        // Neither is for the environment to decide: two runs must not write one entry, and what is
        // signed has arrived as it was sent.
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_unsigned_payload(false)
        .with_retry(purpose.retry());
    for (key, value) in options(purpose) {
        builder = builder.with_config(AmazonS3ConfigKey::Client(key), value);
    }
    if let Some(region) = address.region() {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = address.endpoint() {
        let of_bucket =
            if address.path_style() { None } else { hosted(&endpoint, address.bucket()) };
        builder = builder
            .with_allow_http(is_plain(&endpoint))
            .with_virtual_hosted_style_request(of_bucket.is_some())
            // What the environment says for S3 in particular would win.
            .with_config(AmazonS3ConfigKey::S3Endpoint, of_bucket.unwrap_or(endpoint));
    } else if builder.get_config_value(&AmazonS3ConfigKey::Endpoint).is_none()
        && builder.get_config_value(&AmazonS3ConfigKey::S3Endpoint).is_none()
    {
        // A certificate is for one label before Amazon's domain.
        let hosted = !address.path_style() && !address.bucket().contains('.');
        // Not all others know these checksums; all of them know the one in the signature.
        builder = builder
            .with_virtual_hosted_style_request(hosted)
            .with_checksum_algorithm(Checksum::SHA256);
    }
    Ok(Arc::new(builder.build()?))
}

/// `endpoint` with the bucket in the name of its host; none where that cannot be.
fn hosted(endpoint: &str, bucket: &str) -> Option<String> {
    let mut url = Url::parse(endpoint).ok()?;
    let Host::Domain(host) = url.host()? else { return None };
    if host == "localhost" || bucket.contains('.') {
        return None;
    }
    let host = format!("{bucket}.{host}");
    url.set_host(Some(&host)).ok()?;
    Some(url.as_str().trim_end_matches('/').to_owned())
}

fn google(
    address: &ObjectsAddress,
    purpose: Purpose,
    environment: &Environment,
) -> Result<Arc<dyn Objects>, Error> {
    let told = settings(environment, "GOOGLE_")
        .fold(GoogleCloudStorageBuilder::new(), |builder, (key, value)| {
            builder.with_config(key, value)
        });
    let mut builder = told.with_bucket_name(address.bucket()).with_retry(purpose.retry());
    for (key, value) in options(purpose) {
        builder = builder.with_config(GoogleConfigKey::Client(key), value);
    }
    if let Some(endpoint) = address.endpoint() {
        let plain = is_plain(&endpoint).to_string();
        builder = builder
            .with_config(GoogleConfigKey::Client(ClientConfigKey::AllowHttp), plain)
            .with_base_url(endpoint.trim_end_matches('/'));
    }
    Ok(Arc::new(builder.build()?))
}

fn azure(
    address: &ObjectsAddress,
    purpose: Purpose,
    environment: &Environment,
) -> Result<Arc<dyn Objects>, Error> {
    let told = settings(environment, "AZURE_")
        .fold(MicrosoftAzureBuilder::new(), |builder, (key, value)| {
            builder.with_config(key, value)
        });
    let mut builder = told.with_container_name(address.bucket()).with_retry(purpose.retry());
    for (key, value) in options(purpose) {
        builder = builder.with_config(AzureConfigKey::Client(key), value);
    }
    if let Some(endpoint) = address.endpoint() {
        builder = builder.with_allow_http(is_plain(&endpoint)).with_endpoint(endpoint);
    }
    Ok(Arc::new(builder.build()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_a_host_where_that_can_be() {
        let hosted = |endpoint| hosted(endpoint, "images");
        assert_eq!(hosted("https://s3.example.org").unwrap(), "https://images.s3.example.org");
        assert_eq!(hosted("http://minio.lan:9000/").unwrap(), "http://images.minio.lan:9000");
        for endpoint in ["http://127.0.0.1:9000", "http://[::1]:9000", "http://localhost:9000"] {
            assert_eq!(hosted(endpoint), None, "{endpoint}");
        }
        assert_eq!(super::hosted("https://s3.example.org", "images.example.org"), None);
    }
}
