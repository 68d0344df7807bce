//! What it means that an object store refuses.
//!
//! The crate's errors have types of their own only for the commonest answers; what a server said
//! stands in their text. All reading of that text is here.

use std::error::Error as _;

use ::object_store::Error;
use thiserror::Error as ThisError;

use super::Vendor;

/// What was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Reading an object.
    Read,
    /// Listing objects.
    List,
    /// Writing an object, or a part of one.
    Write,
    /// Removing an object, or giving up an upload.
    Remove,
}

impl Act {
    /// The word for it, after "cannot".
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::List => "list",
            Self::Write => "write",
            Self::Remove => "remove",
        }
    }
}

/// Why an object store did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum Refusal {
    /// The bucket is not there. The user's fault.
    #[error("there is no bucket `{0}`")]
    NoBucket(
        /// Its name.
        String,
    ),
    /// The key may do less than is needed.
    #[error("{}", denied(*act))]
    Denied {
        /// How the store speaks.
        vendor: Vendor,
        /// What was tried.
        act: Act,
    },
    /// Nobody said who wants it.
    #[error("no credentials were found")]
    NoCredentials(
        /// How the store speaks.
        Vendor,
    ),
    /// The store does not know who wants it.
    #[error("the store does not accept the credentials: {0}")]
    NotAccepted(
        /// What it says.
        String,
    ),
    /// The clock of this machine is wrong, or that of the store.
    #[error("the clocks of the store and of this machine differ too much")]
    Clock,
    /// The bucket is in another region than the one that was asked.
    #[error("the bucket is in another region")]
    Region,
    /// No connection, or no answer.
    #[error("the store cannot be reached: {0}")]
    Unreachable(
        /// What happened.
        String,
    ),
    /// The store has trouble of its own, or is asked too much.
    #[error("the store cannot do it now: {0}")]
    Busy(
        /// What it says.
        String,
    ),
    /// The store also does what it was asked to do only if nothing is there.
    #[error("the store ignores `If-None-Match: *`: two runs could write one entry")]
    Unconditional,
    /// What the environment says does not make a client.
    #[error("{text}")]
    Settings {
        /// How the store speaks.
        vendor: Vendor,
        /// What is wrong.
        text: String,
    },
    /// Anything else.
    #[error("the store answers {0}")]
    Other(
        /// What it says.
        String,
    ),
}

fn denied(act: Act) -> &'static str {
    match act {
        Act::Read => "access denied: the key may not read there",
        Act::List => "access denied: the key may not list what is there",
        Act::Write => "access denied: the key may read but not write",
        Act::Remove => "access denied: the key may not remove anything",
    }
}

impl Refusal {
    /// What `error` means, which is what `act` came to in `bucket`.
    pub(crate) fn of(vendor: Vendor, bucket: &str, act: Act, error: &Error) -> Self {
        let said = chain(error);
        // Who wants it is asked of the machine, if of nobody else; most machines do not answer.
        if said.iter().any(|text| METADATA.iter().any(|host| text.contains(host))) {
            return Self::NoCredentials(vendor);
        }
        let Some(answer) = answer(error) else {
            // The innermost cause says what happened: "connection refused".
            return match (said.last(), error) {
                (Some(last), Error::Generic { .. }) if !last.contains("redirect") => {
                    Self::Unreachable(short(last))
                }
                (Some(last), Error::Generic { .. }) if last.contains("LOCATION") => Self::Region,
                (Some(last), _) => Self::Other(short(last)),
                (None, _) => Self::Other("nothing".to_owned()),
            };
        };
        match answer.code.as_str() {
            "NoSuchBucket" | "ContainerNotFound" => return Self::NoBucket(bucket.to_owned()),
            "RequestTimeTooSkewed" => return Self::Clock,
            "PermanentRedirect"
            | "TemporaryRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException" => return Self::Region,
            "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "ExpiredToken"
            | "InvalidToken"
            | "TokenRefreshRequired"
            | "AuthenticationFailed" => {
                return Self::NotAccepted(answer.to_string());
            }
            _ => {}
        }
        match answer.status {
            301 | 307 => Self::Region,
            401 => Self::NotAccepted(answer.to_string()),
            403 => Self::Denied { vendor, act },
            404 if matches!(act, Act::Write | Act::List) => Self::NoBucket(bucket.to_owned()),
            501 if act == Act::Write => Self::Unconditional,
            408 | 429 | 500.. => Self::Busy(answer.to_string()),
            _ => Self::Other(answer.to_string()),
        }
    }

    /// What it means that no client could be made.
    pub(crate) fn of_settings(vendor: Vendor, error: &Error) -> Self {
        let text = chain(error).pop().unwrap_or_default();
        Self::Settings { vendor, text: short(&text) }
    }

    /// Whether it may be otherwise in a while.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Busy(_))
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoBucket(_) => "create it, or put its name right in the address",
            Self::Denied { vendor: Vendor::S3, act } => match act {
                Act::Read | Act::List => "give the key `s3:GetObject` and `s3:ListBucket` there",
                Act::Write => {
                    "give the key `s3:PutObject` there; see docs/stores.md for all it needs"
                }
                Act::Remove => "give the key `s3:DeleteObject` and `s3:AbortMultipartUpload` there",
            },
            Self::Denied { vendor: Vendor::Gcs, act } => match act {
                Act::Read | Act::List => "give the account the role Storage Object Viewer there",
                Act::Write | Act::Remove => "give the account the role Storage Object User there",
            },
            Self::Denied { vendor: Vendor::Azure, act } => match act {
                Act::Read | Act::List => "give the account the role Storage Blob Data Reader there",
                Act::Write | Act::Remove => {
                    "give the account the role Storage Blob Data Contributor there"
                }
            },
            Self::NoCredentials(vendor) | Self::Settings { vendor, .. } => match vendor {
                Vendor::S3 => "set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`",
                Vendor::Gcs => "set `GOOGLE_SERVICE_ACCOUNT` to the file of a key",
                Vendor::Azure => {
                    "set `AZURE_STORAGE_ACCOUNT_NAME`, and `AZURE_STORAGE_ACCOUNT_KEY` or `AZURE_STORAGE_SAS_KEY`"
                }
            },
            Self::NotAccepted(_) => "look whether the key is still valid, and of this store",
            Self::Clock => "set the clock of this machine right",
            Self::Region => "write the region into the address: `?region=…`",
            Self::Unreachable(_) => "look at the network and at `endpoint` in the address",
            Self::Busy(_) => "run it again later",
            Self::Unconditional => {
                "use a store that honours it (see docs/stores.md), or `registry: git`"
            }
            Self::Other(_) => return None,
        })
    }
}

/// Who is asked for credentials when nobody has said any.
const METADATA: [&str; 3] = ["169.254.169.254", "metadata.google.internal", "169.254.170.2"];

/// What a server answered instead of doing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The vendor's word for it; empty if there is none.
    pub(crate) code: String,
    message: String,
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { status, code, message } = self;
        write!(f, "{status}")?;
        for text in [code, message] {
            if !text.is_empty() {
                write!(f, ", {text}")?;
            }
        }
        Ok(())
    }
}

/// The answer in `error`, if a server gave one.
pub(crate) fn answer(error: &Error) -> Option<Answer> {
    let said = chain(error);
    let mut answers = said.iter().filter_map(|text| {
        let rest = text
            .strip_prefix("Server returned non-2xx status code: ")
            .or_else(|| text.strip_prefix("Server returned error response: "))?;
        let status = rest.split(' ').next().and_then(|status| status.parse().ok());
        Some(Answer {
            status: status.unwrap_or_default(),
            code: element(rest, "Code"),
            message: element(rest, "Message"),
        })
    });
    answers.next_back()
}

/// The text of an element of a small XML document, cut short.
fn element(xml: &str, name: &str) -> String {
    let found = xml.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once("</"));
    found.map(|(text, _)| short(text)).unwrap_or_default()
}

/// The first line of what a stranger says, as far as anybody would read it.
fn short(text: &str) -> String {
    const LONGEST: usize = 200;
    let line = text.lines().next().unwrap_or_default().trim();
    line.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

/// What an error and its causes say, the innermost last.
fn chain(error: &Error) -> Vec<String> {
    let mut said = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        said.push(error.to_string());
        cause = error.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use ::object_store::aws::AmazonS3Builder;
    use ::object_store::path::Path;
    use ::object_store::{ObjectStoreExt as _, RetryConfig};

    use super::*;

    /// What it means that a server answers a PUT with this.
    async fn refusal(status: &str, body: &str) -> Refusal {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\ncontent") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let refusal = put(port).await;
        server.join().unwrap();
        refusal
    }

    async fn put(port: u16) -> Refusal {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = AmazonS3Builder::new()
            .with_bucket_name("images")
            .with_endpoint(format!("http://127.0.0.1:{port}"))
            .with_allow_http(true)
            .with_access_key_id("key")
            .with_secret_access_key("secret")
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
            .build()
            .unwrap();
        let put = store.put(&Path::from("path"), "content".into()).await;
        Refusal::of(Vendor::S3, "images", Act::Write, &put.unwrap_err())
    }

    fn xml(code: &str, message: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        )
    }

    #[tokio::test]
    async fn every_refusal_says_what_it_means_and_what_to_do() {
        let mut refusals = Vec::new();
        for (status, code) in [
            ("404 Not Found", "NoSuchBucket"),
            ("403 Forbidden", "AccessDenied"),
            ("403 Forbidden", "InvalidAccessKeyId"),
            ("403 Forbidden", "SignatureDoesNotMatch"),
            ("403 Forbidden", "RequestTimeTooSkewed"),
            ("301 Moved Permanently", "PermanentRedirect"),
            ("400 Bad Request", "AuthorizationHeaderMalformed"),
            ("501 Not Implemented", "NotImplemented"),
            ("503 Slow Down", "SlowDown"),
            ("400 Bad Request", "EntityTooLarge"),
        ] {
            refusals.push(refusal(status, &xml(code, "It is so.\nAnd more.")).await);
        }
        refusals.push(refusal("403 Forbidden", "").await);
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        refusals.push(put(free).await);
        let nobody = "Error performing PUT http://169.254.169.254/latest/api/token in 1s";
        let nobody = Error::Generic { store: "S3", source: nobody.into() };
        refusals.push(Refusal::of(Vendor::S3, "images", Act::Read, &nobody));
        let settings =
            Error::Generic { store: "Azure", source: "Account must be specified".into() };
        refusals.push(Refusal::of_settings(Vendor::Azure, &settings));
        refusals.push(Refusal::Unconditional);
        for vendor in [Vendor::S3, Vendor::Gcs, Vendor::Azure] {
            for act in [Act::Read, Act::List, Act::Write, Act::Remove] {
                refusals.push(Refusal::Denied { vendor, act });
            }
        }
        let told = refusals.iter().map(|it| format!("{it}\n  {}\n", it.hint().unwrap_or_default()));
        insta::assert_snapshot!(told.collect::<String>(), @"
        there is no bucket `images`
          create it, or put its name right in the address
        access denied: the key may read but not write
          give the key `s3:PutObject` there; see docs/stores.md for all it needs
        the store does not accept the credentials: 403, InvalidAccessKeyId, It is so.
          look whether the key is still valid, and of this store
        the store does not accept the credentials: 403, SignatureDoesNotMatch, It is so.
          look whether the key is still valid, and of this store
        the clocks of the store and of this machine differ too much
          set the clock of this machine right
        the bucket is in another region
          write the region into the address: `?region=…`
        the bucket is in another region
          write the region into the address: `?region=…`
        the store ignores `If-None-Match: *`: two runs could write one entry
          use a store that honours it (see docs/stores.md), or `registry: git`
        the store cannot do it now: 503, SlowDown, It is so.
          run it again later
        the store answers 400, EntityTooLarge, It is so.
          
        access denied: the key may read but not write
          give the key `s3:PutObject` there; see docs/stores.md for all it needs
        the store cannot be reached: Connection refused (os error 111)
          look at the network and at `endpoint` in the address
        no credentials were found
          set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`
        Account must be specified
          set `AZURE_STORAGE_ACCOUNT_NAME`, and `AZURE_STORAGE_ACCOUNT_KEY` or `AZURE_STORAGE_SAS_KEY`
        the store ignores `If-None-Match: *`: two runs could write one entry
          use a store that honours it (see docs/stores.md), or `registry: git`
        access denied: the key may not read there
          give the key `s3:GetObject` and `s3:ListBucket` there
        access denied: the key may not list what is there
          give the key `s3:GetObject` and `s3:ListBucket` there
        access denied: the key may read but not write
          give the key `s3:PutObject` there; see docs/stores.md for all it needs
        access denied: the key may not remove anything
          give the key `s3:DeleteObject` and `s3:AbortMultipartUpload` there
        access denied: the key may not read there
          give the account the role Storage Object Viewer there
        access denied: the key may not list what is there
          give the account the role Storage Object Viewer there
        access denied: the key may read but not write
          give the account the role Storage Object User there
        access denied: the key may not remove anything
          give the account the role Storage Object User there
        access denied: the key may not read there
          give the account the role Storage Blob Data Reader there
        access denied: the key may not list what is there
          give the account the role Storage Blob Data Reader there
        access denied: the key may read but not write
          give the account the role Storage Blob Data Contributor there
        access denied: the key may not remove anything
          give the account the role Storage Blob Data Contributor there
        ");
    }

    #[tokio::test]
    async fn what_a_stranger_says_is_cut_short() {
        let long = "x\u{7}".repeat(100_000);
        let Refusal::Other(said) = refusal("400 Bad Request", &xml("Strange", &long)).await else {
            panic!("nobody knows this code")
        };
        assert!(said.len() < 300 && !said.contains('\u{7}'), "{said}");
    }
}
