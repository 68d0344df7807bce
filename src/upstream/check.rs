//! What has become of all downloads of a plan. Each address is asked once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::time::{Instant, timeout_at};

use super::checksums;
use crate::http::{Client, ClientError};
use crate::model::{Checksum, Download, ImageName, Upstream, UpstreamChange};

/// How many servers are asked at a time.
const AT_A_TIME: usize = 8;

/// How long asking may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For one answer.
    pub answer: Duration,
    /// For everything.
    pub all: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { answer: Duration::from_secs(15), all: Duration::from_mins(2) }
    }
}

/// What has changed of what images download, in their order. What cannot be found out is told too:
/// silence means that all is as it was.
pub async fn check(downloads: &[(ImageName, Download)], limits: Limits) -> Vec<UpstreamChange> {
    let client = Client::new(limits.answer);
    let deadline = Instant::now() + limits.all;
    let mut questions = BTreeSet::new();
    for (_, download) in downloads {
        for url in &download.urls {
            questions.insert((url, &download.checksum));
        }
    }
    let answers = stream::iter(questions)
        .map(|(url, checksum)| {
            let client = &client;
            async move {
                let asked = match client {
                    Ok(client) => timeout_at(deadline, ask(client, url, checksum)).await,
                    Err(error) => Ok(Some(unknown(error))),
                };
                let late = || Some(Upstream::Unknown { why: "there was no time left".to_owned() });
                ((url, checksum), asked.unwrap_or_else(|_| late()))
            }
        })
        .buffer_unordered(AT_A_TIME)
        .collect::<BTreeMap<_, _>>()
        .await;
    let changes = downloads.iter().flat_map(|(image, download)| {
        let changed = |url: &String| {
            let what = answers.get(&(url, &download.checksum))?.clone()?;
            Some(UpstreamChange { image: image.clone(), url: url.clone(), what })
        };
        download.urls.iter().filter_map(changed).collect::<Vec<_>>()
    });
    changes.collect()
}

fn unknown(error: &ClientError) -> Upstream {
    Upstream::Unknown { why: error.to_string() }
}

async fn ask(client: &Client, url: &str, checksum: &Checksum) -> Option<Upstream> {
    if let Err(error) = client.look(url).await {
        let gone = error.gone().map(|status| Upstream::Gone { status });
        return Some(gone.unwrap_or_else(|| unknown(&error)));
    }
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let (folder, name) = path.rsplit_once('/')?;
    match checksum {
        Checksum::Open => None,
        Checksum::Listed(listed) => match client.text(listed).await {
            Ok(list) => {
                let known = [64, 128].iter().any(|d| checksums::find(&list, name, *d).is_some());
                (!known).then(|| Upstream::Unlisted { listed: listed.clone() })
            }
            Err(error) => Some(Upstream::Unknown { why: format!("`{listed}`: {error}") }),
        },
        Checksum::Pinned(pinned) => {
            let (digits, algorithm) = match pinned.len() {
                64 => (64, "SHA256"),
                _ => (128, "SHA512"),
            };
            // Where publishers put them. One that does otherwise is not asked.
            let lists = [
                format!("{folder}/{algorithm}SUMS"),
                format!("{path}.{}", algorithm.to_lowercase()),
            ];
            for listed in lists {
                let Ok(list) = client.text(&listed).await else { continue };
                if let Some(to) = checksums::find(&list, name, digits) {
                    let from = pinned.clone();
                    return (to != from).then_some(Upstream::Moved { from, to, listed });
                }
            }
            None
        }
    }
}
