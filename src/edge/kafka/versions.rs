//! [`Versions`]: what a broker offers, and the version of each request to speak with it.

use std::collections::BTreeMap;

use kafka_protocol::messages::{ApiKey, ApiVersionsResponse};
use kafka_protocol::protocol::VersionRange;

use super::error::RequestProblem;

/// What one broker offers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Versions {
    offered: BTreeMap<i16, (i16, i16)>,
    metadata_version_max: Option<i16>,
}

impl Versions {
    /// Reads the broker's offer.
    pub fn of(response: &ApiVersionsResponse) -> Self {
        let offered = response
            .api_keys
            .iter()
            .map(|offer| (offer.api_key, (offer.min_version, offer.max_version)))
            .collect();
        let features = &response.supported_features;
        let metadata = features.iter().find(|feature| &*feature.name == "metadata.version");
        Self { offered, metadata_version_max: metadata.map(|feature| feature.max_version) }
    }

    /// Whether the broker takes such requests.
    pub fn offers(&self, api: ApiKey) -> bool {
        self.offered.contains_key(&(api as i16))
    }

    /// The newest version of a request that both sides speak.
    ///
    /// # Errors
    /// There is none.
    pub fn pick(&self, api: ApiKey, ours: VersionRange) -> Result<i16, RequestProblem> {
        let Some(&(min, max)) = self.offered.get(&(api as i16)) else {
            return Err(RequestProblem::NotOffered(String::new()));
        };
        let version = max.min(ours.max);
        if version < min.max(ours.min) {
            let why = format!(" (it offers {min} to {max}, we speak {} to {})", ours.min, ours.max);
            return Err(RequestProblem::NotOffered(why));
        }
        Ok(version)
    }

    /// The release that the broker's newest `metadata.version` belongs to, such as `3.9`: the nearest thing to
    /// a version that the protocol tells. Absent where there is none (`ZooKeeper` mode, before 3.3).
    pub fn release(&self) -> Option<&'static str> {
        // Levels from `MetadataVersion` of Kafka's server-common; each release names its first level.
        const FIRST_LEVEL: [(i16, &str); 16] = [
            (1, "3.0"),
            (2, "3.1"),
            (3, "3.2"),
            (4, "3.3"),
            (8, "3.4"),
            (9, "3.5"),
            (12, "3.6"),
            (15, "3.7"),
            (20, "3.8"),
            (21, "3.9"),
            (22, "4.0"),
            (26, "4.1"),
            (28, "4.2"),
            (30, "4.3"),
            (31, "4.4"),
            (34, "4.5"),
        ];
        let level = self.metadata_version_max?;
        // Beyond the newest level known here the release is not known either.
        if FIRST_LEVEL.last().is_some_and(|(newest, _)| level > *newest) {
            return None;
        }
        FIRST_LEVEL.iter().rev().find(|(first, _)| level >= *first).map(|(_, release)| *release)
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::api_versions_response::ApiVersion;

    use super::*;

    const OURS: VersionRange = VersionRange { min: 0, max: 13 };

    fn offer(api_key: i16, min: i16, max: i16) -> Versions {
        let api = ApiVersion::default().with_api_key(api_key).with_min_version(min).with_max_version(max);
        Versions::of(&ApiVersionsResponse::default().with_api_keys(vec![api]))
    }

    #[test]
    fn the_release_follows_from_the_metadata_version() {
        let release = |level| Versions { metadata_version_max: level, ..Versions::default() }.release();
        assert_eq!(
            (release(Some(21)), release(Some(25)), release(Some(33))),
            (Some("3.9"), Some("4.0"), Some("4.4"))
        );
        assert_eq!((release(None), release(Some(0)), release(Some(99))), (None, None, None));
    }

    #[test]
    fn the_newest_common_version_is_spoken() {
        assert_eq!(offer(3, 0, 9).pick(ApiKey::Metadata, OURS), Ok(9));
        assert_eq!(offer(3, 0, 99).pick(ApiKey::Metadata, OURS), Ok(13));
        assert_eq!(
            offer(3, 50, 99).pick(ApiKey::Metadata, OURS),
            Err(RequestProblem::NotOffered(" (it offers 50 to 99, we speak 0 to 13)".to_owned()))
        );
        assert!(offer(3, 0, 9).pick(ApiKey::DescribeTopicPartitions, OURS).is_err());
    }
}
