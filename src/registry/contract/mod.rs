//! What every backend must hold. A backend hands in a [`Subject`] and gets all the tests.

pub(super) mod blobs;
pub(super) mod channels;
pub(super) mod checked;
pub(super) mod damage;
pub(super) mod fixtures;
pub(super) mod index;
pub(super) mod leases;
pub(super) mod log;
pub(super) mod meddled;
pub(super) mod projections;
pub(super) mod pruning;
pub(super) mod steering;
pub(super) mod versions;

use async_trait::async_trait;

use super::{Registry, RegistryError};

/// A fresh registry that can be opened many times, and meddled with behind its back.
#[async_trait]
pub(super) trait Subject: Sync {
    /// A handle of its own, as another process has it.
    async fn open(&self) -> Result<Box<dyn Registry>, RegistryError>;
    /// Writes a file past the registry.
    async fn plant(&self, path: &str, content: &[u8]);
    /// Deletes a file past the registry.
    async fn remove(&self, path: &str);
}

/// Makes a test of every case, each on a fresh subject.
macro_rules! registry_contract {
    ($fresh:expr) => {
        $crate::registry::contract::registry_contract! { $fresh;
            log::an_empty_registry_has_no_past
            log::an_entry_is_read_as_it_was_written
            log::a_place_in_the_log_is_given_once
            log::a_log_reads_on_from_any_entry
            log::a_reader_never_sees_half_an_entry
            versions::a_run_has_one_reservation
            versions::concurrent_runs_get_distinct_versions
            versions::an_own_entry_is_known_again
            versions::a_version_is_published_once
            versions::only_reserved_versions_end
            versions::a_failed_build_is_recorded_once
            versions::only_published_versions_are_verified
            versions::a_version_is_fresh_as_long_as_its_newest_build
            channels::a_channel_moves_from_what_its_mover_expects
            channels::a_channel_never_goes_back_in_passing
            channels::a_channel_names_published_versions_only
            channels::concurrent_moves_leave_the_newest_version
            steering::a_held_channel_waits_for_somebody
            steering::two_channels_are_swapped_in_one_step
            steering::nobody_is_led_to_a_withdrawn_version
            steering::those_who_steer_at_once_are_heard_one_after_the_other
            projections::a_projection_that_was_overtaken_is_made_again
            projections::projections_are_made_from_the_log
            projections::a_projection_of_something_else_is_refused
            index::the_index_spares_the_logs
            index::a_shard_that_is_not_right_is_not_believed
            index::an_index_of_a_later_format_is_left_alone
            index::an_update_of_the_index_that_is_lost_is_no_loss
            index::a_log_that_was_made_anew_is_not_what_the_index_knows
            index::an_index_that_was_deleted_can_be_made_again
            leases::a_run_is_claimed_once_and_only_after_its_lease
            leases::a_lease_that_cannot_be_read_hides_no_other
            leases::what_was_given_up_is_never_published
            blobs::a_blob_is_what_its_digest_says
            blobs::a_damaged_blob_is_made_good
            damage::foreign_files_are_not_entries
            damage::a_torn_entry_is_damage
            damage::a_missing_entry_is_damage
            damage::an_entry_in_the_wrong_place_is_refused
            damage::an_unknown_kind_of_entry_is_read_over
            damage::an_entry_of_a_later_schema_is_refused
            damage::a_registry_of_a_later_schema_is_refused
            pruning::no_channel_is_led_to_what_goes
            pruning::what_was_marked_can_be_kept_until_it_goes
            checked::what_goldsmith_writes_is_sound
            checked::what_is_wrong_is_told_and_what_follows_from_the_logs_is_made_again
            checked::a_log_that_cannot_be_read_hides_no_other
        }
    };
    ($fresh:expr; $($subject:ident::$case:ident)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                $crate::registry::contract::$subject::$case(&$fresh).await;
            }
        )*
    };
}
pub(super) use registry_contract;
