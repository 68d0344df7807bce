//! Each order against the vectors of its documentation, and as an order.

use proptest::prelude::*;

use super::*;

/// Checks that the versions stand in ascending order, each against each.
fn ascend(order: VersionOrder, versions: &[&str]) {
    for (at, one) in versions.iter().enumerate() {
        for (beside, other) in versions.iter().enumerate() {
            assert_eq!(order.compare(one, other), Some(at.cmp(&beside)), "{one} and {other}");
        }
    }
}

fn equal(order: VersionOrder, pairs: &[(&str, &str)]) {
    for (one, other) in pairs {
        assert_eq!(order.compare(one, other), Some(Ordering::Equal), "{one} and {other}");
    }
}

/// Debian Policy §5.6.12 and what is met in Debian.
#[test]
fn dpkg_orders_as_debian_policy_says() {
    let order = VersionOrder::Dpkg;
    ascend(order, &["~~", "~~a", "~", "", "a"]);
    ascend(order, &["1.0~beta1~svn1245", "1.0~beta1", "1.0", "1.0-1", "1.0a", "1.0+b", "1.0.1"]);
    ascend(
        order,
        &[
            "3.0.11-1~deb12u1",
            "3.0.11-1~deb12u2",
            "3.0.11-1",
            "3.0.11-1+b1",
            "3.0.11-1+b2",
            "3.0.11-1.1",
            "3.0.11-2",
            "3.0.11-10",
            "3.0.12-1",
            "1:0.1-1",
            "10:0.1-1",
        ],
    );
    ascend(order, &["2.36-9+deb12u4", "2.36-9+deb12u10"]);
    ascend(order, &["1.2-3-1", "1.2-3-2"]);
    equal(order, &[("1.0", "1.0-0"), ("0:1.0-1", "1.0-1"), ("1.00-01", "1.0-1")]);
    equal(order, &[("99999999999999999999999.0", "099999999999999999999999.0")]);
}

/// rpm-version(7), and the tests of rpm: tests/rpmvercmp.at.
#[test]
fn rpm_orders_as_its_manual_says() {
    let order = VersionOrder::Rpm;
    ascend(order, &["1.0~rc1", "1.0~rc2", "1.0", "1.0^", "1.0^git1", "1.0^git1.1", "1.0.1", "1.1"]);
    ascend(order, &["1.0^git1~pre", "1.0^git1"]);
    ascend(order, &["1.0~rc1", "1.0~rc1^git1", "1.0"]);
    ascend(order, &["2.0", "2.0a", "2.0.1"]);
    ascend(order, &["5.5p1", "5.5p2", "5.5p10"]);
    ascend(order, &["xyz.4", "8", "9"]);
    ascend(order, &["5.1.8-6.el9", "5.1.8-6.el9_1", "5.1.8-9.el9", "1:5.0-1.el9"]);
    ascend(order, &["1.0", "1.0-1"]);
    equal(
        order,
        &[("1.0", "1_0"), ("1.0010", "1.10"), ("a+", "a_"), ("0:1-1", "1-1"), ("1.", "1")],
    );
}

/// vercmp(8), and its own tests.
#[test]
fn pacman_orders_as_its_manual_says() {
    let order = VersionOrder::Pacman;
    ascend(order, &["1.0a", "1.0b", "1.0beta", "1.0p", "1.0pre", "1.0rc", "1.0", "1.0.a", "1.0.1"]);
    ascend(order, &["1", "1.0", "1.1", "1.1.1", "1.2", "2.0", "3.0.0"]);
    ascend(order, &["1.5-1", "1.5-2", "1.5.1-1", "1:1.0-1", "2:0.1-1"]);
    equal(order, &[("1.5-1", "1.5"), ("0:1.0-1", "1.0-1"), ("1.0", "1.00")]);
}

/// apk-package(5), and the tests of apk-tools: test/version.data.
#[test]
fn apk_orders_as_its_manual_says() {
    let order = VersionOrder::Apk;
    ascend(
        order,
        &[
            "1.0_alpha",
            "1.0_alpha1",
            "1.0_beta2",
            "1.0_pre1",
            "1.0_rc1",
            "1.0",
            "1.0-r1",
            "1.0-r10",
            "1.0_cvs1",
            "1.0_git20240101",
            "1.0_p1",
            "1.0_p1-r1",
            "1.0a",
            "1.0b",
            "1.0.1",
            "1.1",
        ],
    );
    ascend(order, &["1.001", "1.01", "1.09", "1.1", "1.9", "1.10"]);
    ascend(order, &["3.1.4-r4", "3.1.4-r5", "3.1.4-r10"]);
    ascend(order, &["1.0_rc1-r5", "1.0_rc1_p1", "1.0_rc2"]);
    equal(order, &[("1.0-r0", "1.0-r0"), ("01", "1")]);
    for no_version in ["", "a", "1.", "1.0_x", "1.0-1", "1.0-r", "1:1.0-r0"] {
        assert_eq!(order.compare(no_version, "1.0"), None, "{no_version}");
    }
}

#[test]
fn the_package_manager_is_known_by_its_packages() {
    let of = |kinds: &[&str]| {
        VersionOrder::of_ecosystems(&kinds.iter().map(|kind| (*kind).to_owned()).collect())
    };
    assert_eq!(of(&["deb", "pypi"]), Some(VersionOrder::Dpkg));
    assert_eq!(of(&["alpm"]), Some(VersionOrder::Pacman));
    assert_eq!(of(&["deb", "rpm"]), None);
    assert_eq!(of(&["npm"]), None);
}

/// Versions that look alike, so that they differ late.
fn version() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(vec![
        "0", "00", "1", "01", "10", "2", "a", "b", "rc", "~", "^", "+", ".", ".", "_p", "_rc",
    ]);
    (
        proptest::option::of(0u8..2),
        proptest::collection::vec(piece, 1..6),
        proptest::sample::select(vec!["-1", "-r1", "-r0", "-1.1"]),
    )
        .prop_map(|(epoch, pieces, release)| {
            let epoch = epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default();
            format!("{epoch}1{}{release}", pieces.concat())
        })
}

/// Versions as packages of Arch Linux have them: separators stand between segments, one at a time.
fn tidy() -> impl Strategy<Value = String> {
    let segment = proptest::sample::select(vec!["0", "1", "01", "10", "a", "b", "rc"]);
    let separator = proptest::sample::select(vec!["", "."]);
    (proptest::collection::vec((separator, segment), 0..5), 1u8..3).prop_map(|(pieces, release)| {
        let pieces: String = pieces.into_iter().flat_map(|(one, other)| [one, other]).collect();
        format!("1{pieces}-{release}")
    })
}

fn is_an_order(order: VersionOrder, versions: [&str; 3]) -> Result<(), TestCaseError> {
    let compare = |one, other| order.compare(one, other);
    for one in versions {
        prop_assert!(compare(one, one).is_none_or(Ordering::is_eq), "{one}");
        for other in versions {
            prop_assert_eq!(compare(one, other), compare(other, one).map(Ordering::reverse));
        }
    }
    let [one, two, three] = versions;
    if let (Some(first), Some(second), Some(both)) =
        (compare(one, two), compare(two, three), compare(one, three))
    {
        let follows = match (first, second) {
            (first, second) if first == second => Some(first),
            (Ordering::Equal, other) | (other, Ordering::Equal) => Some(other),
            _ => None,
        };
        prop_assert!(follows.is_none_or(|it| it == both), "{one:?} {two:?} {three:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn dpkg_rpm_and_apk_have_a_total_order(one in version(), two in version(), three in version()) {
        for order in [VersionOrder::Dpkg, VersionOrder::Rpm, VersionOrder::Apk] {
            is_an_order(order, [&one, &two, &three])?;
        }
    }

    #[test]
    fn pacman_has_a_total_order_of_tidy_versions(one in tidy(), two in tidy(), three in tidy()) {
        is_an_order(VersionOrder::Pacman, [&one, &two, &three])?;
    }

    #[test]
    fn any_text_is_compared(one in ".{0,12}", other in "[0-9a-z.:~^_+-]{0,12}") {
        for order in [VersionOrder::Dpkg, VersionOrder::Rpm, VersionOrder::Apk, VersionOrder::Pacman] {
            let reversed = order.compare(&other, &one).map(Ordering::reverse);
            prop_assert_eq!(order.compare(&one, &other), reversed);
        }
    }
}
