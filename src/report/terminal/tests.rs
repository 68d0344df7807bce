//! Every sample, as a reader without colour sees it.

use super::super::{Report, samples};
use super::{compared, image, report};

fn plain(sample: &Report, width: usize) -> String {
    anstream::adapter::strip_str(&report(sample, width)).to_string()
}

#[test]
fn a_published_image() {
    insta::assert_snapshot!(plain(&samples::published(), 100), @"
    ✓ debian-12 passed the gate and is published as 1.0.20261123

        why         the slot of 1 November 2026, 02:00 UTC has begun; newest is 1.0.20261001
        version     1.0.20261123
        channel     candidate is 1.0.20261123 (was 1.0.20261001)
        os          debian 12.12
        size        612.4 MiB, sha256:cae66afe3057…
        packages    318
        fixable     3 high, 1 medium
        no fix      1 critical, 1 unknown
        excused     1 in grace, 1 not new, 1 waived, 1 without a fix
        not checked shell-history, private-keys
        stages      reserve 3 ms · prepare 41 s · build 3 min 12 s · evidence 8.1 s · scan 640 ms ·
                    gate 2 ms · publish 4.4 s · record 18 ms
        took        4 min 6 s
        published   file:///srv/images/debian-12/1.0.20261123/debian-12-v1.0.20261123.qcow2

    1 image published in 4 min 6 s
    goldsmith itself took 412 ms · packer 1.16.0 · trivy 0.74.0 · advisories made 8 h ago
    details in /srv/work/.goldsmith/runs/20261123t102646z-5f3a9c
    ");
}

#[test]
fn nothing_due() {
    insta::assert_snapshot!(plain(&samples::nothing_due(), 100), @"
    - alpine-3    not due: built in this slot as 1.0.20261101 and its definition is unchanged; next slot
                  1 December 2026, 02:00 UTC
    - talos-1.11  not due: built as 1.0.20260814 and its definition is unchanged; time alone never makes
                  it due

    Nothing is due
    goldsmith itself took 412 ms
    details in /srv/work/.goldsmith/runs/20261123t102646z-5f3a9c
    ");
}

#[test]
fn a_blocked_image_names_advisory_package_and_fix() {
    insta::assert_snapshot!(plain(&samples::blocked(), 100), @r#"
    ✗ debian-12 is blocked: 2 advisories with a fix: CVE-2026-40355 (CRITICAL) in krb5, CVE-2026-0861
      (HIGH) in glibc

        CRITICAL  CVE-2026-40355  krb5: heap overflow when a ticket's authorization data is parsed
                  krb5-locales, libgssapi-krb5-2, libk5crypto3 and 2 more: installed 1.20.1-2+deb12u4,
                  fixed in 1.20.1-2+deb12u5
        HIGH      CVE-2026-0861  glibc: integer overflow in memalign leads to heap corruption
                  libc6: installed 2.36-9+deb12u10, fixed in 2.36-9+deb12u14

      hint: install the fixed versions and build again; if a finding does not matter here, say so in
            waivers.yml

        block  private-keys   a private key is left in the image: /root/.ssh/id_ed25519
                              remove it at the end of the build, and make a new one: this one is known
                              now
        warn   shell-history  /root/.bash_history has 3 KB

      or: permit what does not matter here, in waivers.yml, with the reason:
    - id: CVE-2026-40355
      images: [debian-12]
      packages: [krb5]
      reason: ""
      until: 2026-12-23
    - id: CVE-2026-0861
      images: [debian-12]
      packages: [glibc]
      reason: ""
      until: 2026-12-23

        why         the slot of 1 November 2026, 02:00 UTC has begun; newest is 1.0.20261001
        version     1.0.20261123 reserved; the artifact is kept under it
        os          debian 12.12
        size        612.4 MiB, sha256:cae66afe3057…
        packages    318
        fixable     1 critical, 4 high, 1 medium
        no fix      1 critical, 1 unknown
        excused     1 in grace, 1 not new, 1 waived, 1 without a fix
        since       1.0.20261001: 1 new (1 critical), 1 fixed (1 medium)
        stages      reserve 3 ms · prepare 41 s · build 3 min 12 s · evidence 8.1 s · scan 640 ms ·
                    gate 2 ms (objected)
        took        4 min 2 s
        kept aside  file:///srv/images/rejected/debian-12-v1.0.20261123.qcow2

    1 image blocked in 4 min 2 s
    goldsmith itself took 412 ms · packer 1.16.0 · trivy 0.74.0 · advisories made 8 h ago
    details in /srv/work/.goldsmith/runs/20261123t102646z-5f3a9c
    "#);
}

#[test]
fn an_untrusted_image_says_what_was_not_proven() {
    insta::assert_snapshot!(plain(&samples::untrusted(), 100), @"
    ? debian-12 is untrusted: the disk holds debian 13.1, and `os:` in images.yml says debian 12
      hint: correct `os:` in images.yml, or look at what the template starts from
      also: the advisory database was made 412 days ago; at most 48 h are allowed
      hint: update it with `trivy image --download-db-only`

        why         the slot of 1 November 2026, 02:00 UTC has begun; newest is 1.0.20261001
        version     1.0.20261123 reserved, and not used
        os          debian 13.1
        size        612.4 MiB, sha256:cae66afe3057…
        packages    318
        findings    unknown, nothing was proven
        stages      reserve 3 ms · prepare 41 s · build 3 min 12 s · evidence 8.1 s · scan 640 ms ·
                    gate 2 ms (objected)
        took        4 min 2 s

    1 image untrusted in 4 min 2 s
    goldsmith itself took 412 ms · packer 1.16.0 · trivy 0.74.0 · advisories made 8 h ago
    details in /srv/work/.goldsmith/runs/20261123t102646z-5f3a9c
    ");
}

#[test]
fn a_failed_build_has_reason_hint_and_log() {
    insta::assert_snapshot!(plain(&samples::build_failed(), 100), @"
    ✗ debian-12 failed in build: provisioner `shell` failed: script exited with status 100: E: Unable to
      locate package qemu-guest-agnet
      hint: the last lines of the log show what the guest printed

        why         the slot of 1 November 2026, 02:00 UTC has begun; newest is 1.0.20261001
        version     1.0.20261123 reserved, and not used
        stages      reserve 3 ms · prepare 41 s · build 3 min 12 s (failed)
        took        3 min 53 s
        log         /srv/work/.goldsmith/runs/20261123t102646z-5f3a9c/debian-12/build.log

    1 image failed in 3 min 53 s
    goldsmith itself took 412 ms · packer 1.16.0 · trivy 0.74.0
    details in /srv/work/.goldsmith/runs/20261123t102646z-5f3a9c
    ");
}

#[test]
fn a_failed_test_tells_its_cases_and_where_to_look() {
    insta::assert_snapshot!(plain(&samples::test_failed(), 100), @"
    ✗ debian-12 failed in test: boot: no systemd unit has failed: ssh.service (and 1 more case)
      failed: no systemd unit has failed: ssh.service, <b>x</b>.service
      see: /srv/work/.goldsmith/runs/r/logs/debian-12-boot-1.log
      failed: ::error::`resolves`

        why         the slot of 1 November 2026, 02:00 UTC has begun; newest is 1.0.20261001
        version     1.0.20261123 reserved, and not used
        os          debian 12.12
        size        612.4 MiB, sha256:cae66afe3057…
        packages    318
        tests       boot: 1 passed, 1 failed, 1 not checked, 1 min 11 s
                    ./smoke.sh | tee `out`: 1 passed, 1 failed, 420 ms
        stages      reserve 3 ms · prepare 41 s · build 3 min 12 s · evidence 8.1 s · scan 640 ms ·
                    gate 2 ms · test 1 min 11 s (failed)
        took        4 min 2 s
        log         /srv/work/.goldsmith/runs/20261123t102646z-5f3a9c/debian-12/build.log

    1 image failed in 4 min 2 s
    goldsmith itself took 412 ms · packer 1.16.0 · trivy 0.74.0 · advisories made 8 h ago
    details in /srv/work/.goldsmith/runs/20261123t102646z-5f3a9c
    ");
}

#[test]
fn a_verified_image() {
    insta::assert_snapshot!(plain(&samples::verified_fresh(), 100), @"
    ✓ debian-12 is verified fresh: it equals 1.0.20261001, so nothing new was published

        why         the slot of 1 November 2026, 02:00 UTC has begun; newest is 1.0.20261001
        version     1.0.20261123 reserved, and not used
        os          debian 12.12
        size        612.4 MiB, sha256:cae66afe3057…
        packages    318
        fixable     3 high, 1 medium
        no fix      1 critical, 1 unknown
        excused     1 in grace, 1 not new, 1 waived, 1 without a fix
        stages      reserve 3 ms · prepare 41 s · build 3 min 12 s · evidence 8.1 s · scan 640 ms ·
                    gate 2 ms · record 18 ms
        took        4 min 6 s

    1 image verified fresh in 4 min 6 s
    goldsmith itself took 412 ms · packer 1.16.0 · trivy 0.74.0 · advisories made 8 h ago
    details in /srv/work/.goldsmith/runs/20261123t102646z-5f3a9c
    ");
}

#[test]
fn a_cancelled_image() {
    insta::assert_snapshot!(plain(&samples::cancelled(), 100), @"
    ✗ debian-12 was cancelled in build
      hint: the virtual machine is gone; the next run starts over

        why         the slot of 1 November 2026, 02:00 UTC has begun; newest is 1.0.20261001
        version     1.0.20261123 reserved, and not used
        stages      reserve 3 ms · prepare 41 s · build 3 min 12 s (failed)
        took        3 min 53 s
        log         /srv/work/.goldsmith/runs/20261123t102646z-5f3a9c/debian-12/build.log

    1 image cancelled in 3 min 53 s
    goldsmith itself took 412 ms · packer 1.16.0 · trivy 0.74.0
    details in /srv/work/.goldsmith/runs/20261123t102646z-5f3a9c
    ");
}

#[test]
fn several_images_have_a_table_and_what_needs_attention_comes_last() {
    insta::assert_snapshot!(plain(&samples::mixed(), 100), @r#"
    - alpine-3  not due: built in this slot as 1.0.20261101 and its definition is unchanged; next slot 1
                December 2026, 02:00 UTC
    - 1 image not selected
    + debian-12: stable is 1.0.20261120 now (was 1.0.20261101): soak: 3d in candidate
    ! alpine-3: 1.0.20261120 stays in candidate and does not enter stable today: it would not pass the
    gate any more: CVE-2026-1 (HIGH) in musl

    image               result       version            size  crit  high  med  low  unk        took
    debian-12           ✗ blocked    -             612.4 MiB   1/2   4/4  1/1  0/0  0/1   4 min 2 s
    ubuntu-2404         ✓ published  1.0.20261123  612.4 MiB   0/1   3/3  1/1  0/0  0/1   4 min 6 s
    rocky-9             ✗ failed     -                     -     -     -    -    -    -  3 min 53 s
    debian-13           ✓ fresh      1.0.20261001  612.4 MiB   0/1   3/3  1/1  0/0  0/1   4 min 6 s
    k8s-1.35-debian-12  ? untrusted  -             612.4 MiB     -     -    -    -    -   4 min 2 s
    findings of each severity: with a fix / all

    ✗ debian-12 is blocked: 2 advisories with a fix: CVE-2026-40355 (CRITICAL) in krb5, CVE-2026-0861
      (HIGH) in glibc

        CRITICAL  CVE-2026-40355  krb5: heap overflow when a ticket's authorization data is parsed
                  krb5-locales, libgssapi-krb5-2, libk5crypto3 and 2 more: installed 1.20.1-2+deb12u4,
                  fixed in 1.20.1-2+deb12u5
        HIGH      CVE-2026-0861  glibc: integer overflow in memalign leads to heap corruption
                  libc6: installed 2.36-9+deb12u10, fixed in 2.36-9+deb12u14

      hint: install the fixed versions and build again; if a finding does not matter here, say so in
            waivers.yml

        block  private-keys   a private key is left in the image: /root/.ssh/id_ed25519
                              remove it at the end of the build, and make a new one: this one is known
                              now
        warn   shell-history  /root/.bash_history has 3 KB

      or: permit what does not matter here, in waivers.yml, with the reason:
    - id: CVE-2026-40355
      images: [debian-12]
      packages: [krb5]
      reason: ""
      until: 2026-12-23
    - id: CVE-2026-0861
      images: [debian-12]
      packages: [glibc]
      reason: ""
      until: 2026-12-23

        why         the slot of 1 November 2026, 02:00 UTC has begun; newest is 1.0.20261001
        version     1.0.20261123 reserved; the artifact is kept under it
        os          debian 12.12
        size        612.4 MiB, sha256:cae66afe3057…
        packages    318
        fixable     1 critical, 4 high, 1 medium
        no fix      1 critical, 1 unknown
        excused     1 in grace, 1 not new, 1 waived, 1 without a fix
        since       1.0.20261001: 1 new (1 critical), 1 fixed (1 medium)
        stages      reserve 3 ms · prepare 41 s · build 3 min 12 s · evidence 8.1 s · scan 640 ms ·
                    gate 2 ms (objected)
        took        4 min 2 s
        kept aside  file:///srv/images/rejected/debian-12-v1.0.20261123.qcow2

    ✗ rocky-9 failed in build: provisioner `shell` failed: script exited with status 100: E: Unable to
      locate package qemu-guest-agnet
      hint: the last lines of the log show what the guest printed

        why         the slot of 1 November 2026, 02:00 UTC has begun; newest is 1.0.20261001
        version     1.0.20261123 reserved, and not used
        stages      reserve 3 ms · prepare 41 s · build 3 min 12 s (failed)
        took        3 min 53 s
        log         /srv/work/.goldsmith/runs/20261123t102646z-5f3a9c/rocky-9/build.log

    ? k8s-1.35-debian-12 is untrusted: the disk holds debian 13.1, and `os:` in images.yml says debian
      12
      hint: correct `os:` in images.yml, or look at what the template starts from
      also: the advisory database was made 412 days ago; at most 48 h are allowed
      hint: update it with `trivy image --download-db-only`

        why         the slot of 1 November 2026, 02:00 UTC has begun; newest is 1.0.20261001
        version     1.0.20261123 reserved, and not used
        os          debian 13.1
        size        612.4 MiB, sha256:37f4074cfb00…
        packages    318
        findings    unknown, nothing was proven
        stages      reserve 3 ms · prepare 41 s · build 3 min 12 s · evidence 8.1 s · scan 640 ms ·
                    gate 2 ms (objected)
        took        4 min 2 s

    1 image published, 1 verified fresh, 1 blocked, 1 untrusted, 1 failed in 20 min 10 s
    goldsmith itself took 412 ms · packer 1.16.0 · trivy 0.74.0 · advisories made 8 h ago
    details in /srv/work/.goldsmith/runs/20261123t102646z-5f3a9c
    "#);
}

#[test]
fn demo_data_is_loud() {
    insta::assert_snapshot!(plain(&samples::demo_data(), 100), @"
    !!! DEMO DATA (68 advisories for Debian 12): for show only, these results prove nothing          !!!

    ✓ debian-12 passed the gate and is published as 1.0.20261123
      warning: debian 12 is past its end of life
      hint: move to debian 13

        why         the slot of 1 November 2026, 02:00 UTC has begun; newest is 1.0.20261001
        version     1.0.20261123
        channel     candidate is 1.0.20261123 (was 1.0.20261001)
        os          debian 12.12
        size        612.4 MiB, sha256:cae66afe3057…
        packages    318
        fixable     3 high, 1 medium
        no fix      1 critical, 1 unknown
        excused     1 in grace, 1 not new, 1 waived, 1 without a fix
        not checked shell-history, private-keys
        stages      reserve 3 ms · prepare 41 s · build 3 min 12 s · evidence 8.1 s · scan 640 ms ·
                    gate 2 ms · publish 4.4 s · record 18 ms
        took        4 min 6 s
        published   file:///srv/images/debian-12/1.0.20261123/debian-12-v1.0.20261123.qcow2

    1 image published in 4 min 6 s DEMO DATA
    goldsmith itself took 412 ms · packer 1.16.0 · trivy 0.74.0 · advisories made 8 h ago
    details in /srv/work/.goldsmith/runs/20261123t102646z-5f3a9c
    ");
}

#[test]
fn a_scan_shows_its_image_alone() {
    let mut sample = samples::demo_data();
    let image_report = sample.images.remove(0);
    let text = anstream::adapter::strip_str(&image(&image_report, 80)).to_string();
    insta::assert_snapshot!(text, @"
    !!! DEMO DATA (68 advisories for Debian 12): for show only, these results    !!!
    !!! prove nothing                                                            !!!

    ✓ debian-12 passed the gate and is published as 1.0.20261123
      warning: debian 12 is past its end of life
      hint: move to debian 13

        why         the slot of 1 November 2026, 02:00 UTC has begun; newest is
                    1.0.20261001
        version     1.0.20261123
        channel     candidate is 1.0.20261123 (was 1.0.20261001)
        os          debian 12.12
        size        612.4 MiB, sha256:cae66afe3057…
        packages    318
        fixable     3 high, 1 medium
        no fix      1 critical, 1 unknown
        excused     1 in grace, 1 not new, 1 waived, 1 without a fix
        not checked shell-history, private-keys
        stages      reserve 3 ms · prepare 41 s · build 3 min 12 s ·
                    evidence 8.1 s · scan 640 ms · gate 2 ms · publish 4.4 s ·
                    record 18 ms
        took        4 min 6 s
        published   file:///srv/images/debian-12/1.0.20261123/debian-12-v1.0.20261123.qcow2
    ");
}

#[test]
fn hostile_text_changes_nothing_but_text() {
    let styled = report(&samples::hostile(), 100);
    assert!(!styled.contains("[2J"), "only our own styles are left");
    let hostile = plain(&samples::hostile(), 100);
    assert!(hostile.chars().all(|c| c == '\n' || !c.is_control()));
    // What comes from outside never starts a line: those at the left edge begin as ever.
    let left_edge = |text: &str| -> Vec<String> {
        text.lines()
            .filter(|line| !line.starts_with(' '))
            .map(|line| line.chars().take(12).collect())
            .collect()
    };
    assert_eq!(left_edge(&hostile), left_edge(&plain(&samples::mixed(), 100)));
}

#[test]
fn three_hundred_images_fit_into_every_width() {
    use unicode_width::UnicodeWidthStr as _;
    for width in [80, 100, 120] {
        let text = plain(&samples::three_hundred(), width);
        let widest = text
            .lines()
            .filter(|line| !line.contains("/srv/"))
            .max_by_key(|line| line.width())
            .unwrap();
        assert!(widest.width() <= width, "{width}: {widest}");
    }
}

#[test]
fn a_narrow_window_has_the_same_words() {
    let words = |text: &str| text.split_whitespace().collect::<String>();
    for sample in [samples::nothing_due(), samples::untrusted(), samples::build_failed()] {
        assert_eq!(words(&plain(&sample, 40)), words(&plain(&sample, 100)));
    }
    insta::assert_snapshot!(plain(&samples::nothing_due(), 40), @"
    - alpine-3
        not due: built in this slot as
        1.0.20261101 and its definition is
        unchanged; next slot 1 December
        2026, 02:00 UTC
    - talos-1.11
        not due: built as 1.0.20260814 and
        its definition is unchanged; time
        alone never makes it due

    Nothing is due
    goldsmith itself took 412 ms
    details in /srv/work/.goldsmith/runs/20261123t102646z-5f3a9c
    ");
}

#[test]
fn two_versions_beside_each_other() {
    let sample = samples::compared();
    let plain = |width| anstream::adapter::strip_str(&compared(&sample, width)).to_string();
    insta::assert_snapshot!(plain(120), @"
    debian-12: from 1.0.20261101 to 1.0.20261123
    operating system: was debian 12.11, is debian 12.12

    package      change      from                                              to                   source
    bash         upgraded    5.2.15-2                                          5.2.15-2+b1          bash
    curl         downgraded  8.5.0-2                                           7.88.1-10            curl
    evil name    changed     99999999999999999999999999999999999999999999999…  ::error::x           evil name
    nftables     added       -                                                 1.0.6-2              nftables
    python3-six  rebuilt     1.16.0-4 amd64 of python3-six                     1.16.0-4 all of six  six
    telnet       removed     0.17-44                                           -                    telnet

    1 upgraded, 1 downgraded, 1 rebuilt, 1 changed, 1 added, 1 removed, 203 unchanged

    + CVE-2026-3 (CRITICAL) in curl, fixed in 8.5.0-3
    + CVE-2026-4 (LOW) in evil
    - CVE-2026-1 (HIGH) in bash
    findings: 2 new (1 CRITICAL, 1 LOW), 1 gone (1 HIGH), 41 in both
    by advisories of 1 November 2026, 06:00 UTC and of 23 November 2026, 06:00 UTC

    .qcow2: was 612.3 MiB, is 639.9 MiB
    -kernel: new, 7.6 MiB

    + accounts: ann ::error::: uid 1000, /home/ann, /bin/bash
    ~ set-id programs: /usr/bin/su: was 4755, is 0755
    - sshd: /etc/ssh/sshd_config: PermitRootLogin no
    ");
    assert!(!plain(60).contains("source"));
    let same =
        super::super::Compared { diff: crate::model::InventoryDiff::default(), ..sample.clone() };
    let same = super::super::Compared { to: same.from.clone(), ..same };
    insta::assert_snapshot!(anstream::adapter::strip_str(&compared(&same, 100)), @"
    debian-12: from 1.0.20261101 to 1.0.20261101

    no package has changed (0 packages)

    + CVE-2026-3 (CRITICAL) in curl, fixed in 8.5.0-3
    + CVE-2026-4 (LOW) in evil
    - CVE-2026-1 (HIGH) in bash
    findings: 2 new (1 CRITICAL, 1 LOW), 1 gone (1 HIGH), 41 in both
    by advisories of 1 November 2026, 06:00 UTC and of 23 November 2026, 06:00 UTC

    .qcow2: was 612.3 MiB, is 639.9 MiB
    -kernel: new, 7.6 MiB

    + accounts: ann ::error::: uid 1000, /home/ann, /bin/bash
    ~ set-id programs: /usr/bin/su: was 4755, is 0755
    - sshd: /etc/ssh/sshd_config: PermitRootLogin no
    ");
}
