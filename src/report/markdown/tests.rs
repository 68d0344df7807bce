//! Every sample, and what holds for any report.

use super::super::{Report, samples};
use super::report;

const SUMMARY_LIMIT: usize = 1024 * 1024;

fn whole(sample: &Report) -> String {
    report(sample, SUMMARY_LIMIT)
}

#[test]
fn a_published_image() {
    insta::assert_snapshot!(whole(&samples::published()), @"
    ## goldsmith: 1 image published

    | Image | Result | Version | Channel | Size | Packages | Critical | High | Medium | Low | Unknown | Took |
    |:--|:--|:--|:--|--:|--:|--:|--:|--:|--:|--:|--:|
    | **debian-12** | ✓ published | 1.0.20261123 | candidate | 612.4 MiB | 318 | 0 / 1 | 3 / 3 | 1 / 1 | 0 / 0 | 0 / 1 | 4 min 6 s |

    <sub>Findings of each severity: with a fix / all.</sub>

    <details><summary>Published: 1 file</summary>

    | Image | Where | Size | Digest |
    |:--|:--|--:|:--|
    | **debian-12** | `file:///srv/images/debian-12/1.0.20261123/debian-12-v1.0.20261123.qcow2` | 612.4 MiB | `sha256:cae66afe3057e4eb553d161dd813fb8e53fc3493d0b0804fdc40214a589247de` |

    </details>

    <details><summary>Time of each stage</summary>

    | Image | reserve | prepare | build | evidence | scan | gate | test | publish | record |
    |:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|
    | **debian-12** | 3 ms | 41 s | 3 min 12 s | 8.1 s | 640 ms | 2 ms | – | 4.4 s | 18 ms |

    </details>

    <details><summary>debian-12: golden rules that were not checked (2)</summary>

    Not checked: `shell-history`, `private-keys`.

    </details>

    <details><summary>debian-12: findings that do not block (6)</summary>

    | Severity | Advisory | Packages | Installed | Fixed in | Why it does not block | Title |
    |:--|:--|:--|:--|:--|:--|:--|
    | HIGH | [CVE-2026-50001](https://avd.aquasec.com/nvd/cve-2026-50001) | `libssl3` | `3.0.17-1~deb12u2` | `3.0.17-1~deb12u3` | in grace until 2026-11-28 |  |
    | HIGH | [CVE-2026-50002](https://avd.aquasec.com/nvd/cve-2026-50002) | `libssl3` | `3.0.17-1~deb12u2` | `3.0.17-1~deb12u3` | not new: 1.0.20261001 has it as well |  |
    | HIGH | [CVE-2026-50003](https://avd.aquasec.com/nvd/cve-2026-50003) | `libssl3` | `3.0.17-1~deb12u2` | `3.0.17-1~deb12u3` | waived by jo until 2026-12-31: only servers with client certificates are affected |  |
    | CRITICAL | [CVE-2023-45853](https://avd.aquasec.com/nvd/cve-2023-45853) | `zlib1g` | `1:1.2.13.dfsg-1` | – | no fix yet | zlib: integer overflow and resultant heap-based buffer overflow in zipOpenNewFileInZip4&#95;6 |
    | MEDIUM | [CVE-2025-14524](https://avd.aquasec.com/nvd/cve-2025-14524) | `curl`, `libcurl4` | `7.88.1-10+deb12u12` | `7.88.1-10+deb12u15` | below the threshold | curl: bearer token leak on redirect |
    | UNKNOWN | [CVE-2026-54370](https://avd.aquasec.com/nvd/cve-2026-54370) | `libacl1` | `2.3.1-3` | – | below the threshold |  |

    </details>

    <sub>goldsmith 0.1.0 · packer 1.16.0 · trivy 0.74.0 · advisories made 8 h ago · 4 min 6 s, of which goldsmith itself took 412 ms · run 20261123t102646z-5f3a9c</sub>
    ");
}

#[test]
fn nothing_due() {
    insta::assert_snapshot!(whole(&samples::nothing_due()), @"
    ## goldsmith: nothing is due

    - **alpine-3** is not due: built in this slot as 1.0.20261101 and its definition is unchanged; next slot 1 December 2026, 02:00 UTC
    - **talos-1.11** is not due: built as 1.0.20260814 and its definition is unchanged; time alone never makes it due

    <sub>goldsmith 0.1.0 · packer 1.16.0 · trivy 0.74.0 · goldsmith itself took 412 ms · run 20261123t102646z-5f3a9c</sub>
    ");
}

#[test]
fn a_blocked_image_names_advisory_package_and_fix() {
    insta::assert_snapshot!(whole(&samples::blocked()), @r#"
    ## goldsmith: 1 image blocked

    | Image | Result | Version | Channel | Size | Packages | Critical | High | Medium | Low | Unknown | Took |
    |:--|:--|:--|:--|--:|--:|--:|--:|--:|--:|--:|--:|
    | **debian-12** | ✗ blocked | – | – | 612.4 MiB | 318 | 1 / 2 | 4 / 4 | 1 / 1 | 0 / 0 | 0 / 1 | 4 min 2 s |

    <sub>Findings of each severity: with a fix / all.</sub>

    ### ✗ debian-12

    **debian-12** is blocked: 2 advisories with a fix: CVE-2026-40355 (CRITICAL) in krb5, CVE-2026-0861 (HIGH) in glibc.

    - **hint**: install the fixed versions and build again; if a finding does not matter here, say so in waivers.yml
    - **kept aside**: `file:///srv/images/rejected/debian-12-v1.0.20261123.qcow2`

    | Severity | Advisory | Packages | Installed | Fixed in | Title |
    |:--|:--|:--|:--|:--|:--|
    | CRITICAL | [CVE-2026-40355](https://avd.aquasec.com/nvd/cve-2026-40355) | `krb5-locales`, `libgssapi-krb5-2`, `libk5crypto3`, 2 more | `1.20.1-2+deb12u4` | `1.20.1-2+deb12u5` | krb5: heap overflow when a ticket's authorization data is parsed |
    | HIGH | [CVE-2026-0861](https://avd.aquasec.com/nvd/cve-2026-0861) | `libc6` | `2.36-9+deb12u10` | `2.36-9+deb12u14` | glibc: integer overflow in memalign leads to heap corruption |

    | Rule | What was found | What to do |
    |:--|:--|:--|
    | `private-keys` | a private key is left in the image: /root/.ssh/id&#95;ed25519 | remove it at the end of the build, and make a new one: this one is known now |

    <details><summary>Does it not matter here? Entries for waivers.yml, which want a reason</summary>

    ```yaml
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
    ```

    </details>

    <details><summary>Time of each stage</summary>

    | Image | reserve | prepare | build | evidence | scan | gate | test | publish | record |
    |:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|
    | **debian-12** | 3 ms | 41 s | 3 min 12 s | 8.1 s | 640 ms | ✗ 2 ms | – | – | – |

    </details>

    <details><summary>debian-12: 1 new and 1 fixed since 1.0.20261001</summary>

    | | Severity | Advisory | Source | Fixed in |
    |:--|:--|:--|:--|:--|
    | new | CRITICAL | `CVE-2026-40355` | `krb5` | `2` |
    | fixed | MEDIUM | `CVE-2026-31000` | `krb5` | `2` |

    </details>

    <details><summary>debian-12: golden rules that do not block (1)</summary>

    | Rule | What was found | What to do |
    |:--|:--|:--|
    | `shell-history` | /root/.bash&#95;history has 3 KB | remove it at the end of the build |

    </details>

    <details><summary>debian-12: findings that do not block (6)</summary>

    | Severity | Advisory | Packages | Installed | Fixed in | Why it does not block | Title |
    |:--|:--|:--|:--|:--|:--|:--|
    | HIGH | [CVE-2026-50001](https://avd.aquasec.com/nvd/cve-2026-50001) | `libssl3` | `3.0.17-1~deb12u2` | `3.0.17-1~deb12u3` | in grace until 2026-11-28 |  |
    | HIGH | [CVE-2026-50002](https://avd.aquasec.com/nvd/cve-2026-50002) | `libssl3` | `3.0.17-1~deb12u2` | `3.0.17-1~deb12u3` | not new: 1.0.20261001 has it as well |  |
    | HIGH | [CVE-2026-50003](https://avd.aquasec.com/nvd/cve-2026-50003) | `libssl3` | `3.0.17-1~deb12u2` | `3.0.17-1~deb12u3` | waived by jo until 2026-12-31: only servers with client certificates are affected |  |
    | CRITICAL | [CVE-2023-45853](https://avd.aquasec.com/nvd/cve-2023-45853) | `zlib1g` | `1:1.2.13.dfsg-1` | – | no fix yet | zlib: integer overflow and resultant heap-based buffer overflow in zipOpenNewFileInZip4&#95;6 |
    | MEDIUM | [CVE-2025-14524](https://avd.aquasec.com/nvd/cve-2025-14524) | `curl`, `libcurl4` | `7.88.1-10+deb12u12` | `7.88.1-10+deb12u15` | below the threshold | curl: bearer token leak on redirect |
    | UNKNOWN | [CVE-2026-54370](https://avd.aquasec.com/nvd/cve-2026-54370) | `libacl1` | `2.3.1-3` | – | below the threshold |  |

    </details>

    <sub>goldsmith 0.1.0 · packer 1.16.0 · trivy 0.74.0 · advisories made 8 h ago · 4 min 2 s, of which goldsmith itself took 412 ms · run 20261123t102646z-5f3a9c</sub>
    "#);
}

#[test]
fn an_untrusted_image_says_what_was_not_proven() {
    insta::assert_snapshot!(whole(&samples::untrusted()), @"
    ## goldsmith: 1 image untrusted

    | Image | Result | Version | Channel | Size | Packages | Critical | High | Medium | Low | Unknown | Took |
    |:--|:--|:--|:--|--:|--:|--:|--:|--:|--:|--:|--:|
    | **debian-12** | ? untrusted | – | – | 612.4 MiB | 318 | – | – | – | – | – | 4 min 2 s |

    <sub>Findings of each severity: with a fix / all.</sub>

    ### ? debian-12

    **debian-12** is untrusted: the disk holds debian 13.1, and `os:` in images.yml says debian 12.

    - **hint**: correct `os:` in images.yml, or look at what the template starts from
    - **also**: the advisory database was made 412 days ago; at most 48 h are allowed
    - **hint**: update it with `trivy image --download-db-only`

    <details><summary>Time of each stage</summary>

    | Image | reserve | prepare | build | evidence | scan | gate | test | publish | record |
    |:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|
    | **debian-12** | 3 ms | 41 s | 3 min 12 s | 8.1 s | 640 ms | ✗ 2 ms | – | – | – |

    </details>

    <sub>goldsmith 0.1.0 · packer 1.16.0 · trivy 0.74.0 · advisories made 8 h ago · 4 min 2 s, of which goldsmith itself took 412 ms · run 20261123t102646z-5f3a9c</sub>
    ");
}

#[test]
fn a_failed_build_has_reason_hint_and_log() {
    insta::assert_snapshot!(whole(&samples::build_failed()), @"
    ## goldsmith: 1 image failed

    | Image | Result | Version | Channel | Size | Packages | Critical | High | Medium | Low | Unknown | Took |
    |:--|:--|:--|:--|--:|--:|--:|--:|--:|--:|--:|--:|
    | **debian-12** | ✗ failed | – | – | – | – | – | – | – | – | – | 3 min 53 s |

    <sub>Findings of each severity: with a fix / all.</sub>

    ### ✗ debian-12

    **debian-12** failed in build: provisioner `shell` failed: script exited with status 100: E: Unable to locate package qemu-guest-agnet.

    - **hint**: the last lines of the log show what the guest printed
    - **log**: `/srv/work/.goldsmith/runs/20261123t102646z-5f3a9c/debian-12/build.log`

    <details><summary>Time of each stage</summary>

    | Image | reserve | prepare | build | evidence | scan | gate | test | publish | record |
    |:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|
    | **debian-12** | 3 ms | 41 s | ✗ 3 min 12 s | – | – | – | – | – | – |

    </details>

    <sub>goldsmith 0.1.0 · packer 1.16.0 · trivy 0.74.0 · 3 min 53 s, of which goldsmith itself took 412 ms · run 20261123t102646z-5f3a9c</sub>
    ");
}

#[test]
fn failed_tests_are_told_case_by_case_and_harmless() {
    let told = whole(&samples::test_failed()).replace('\u{200b}', "·");
    insta::assert_snapshot!(told, @"
    ## goldsmith: 1 image failed

    | Image | Result | Version | Channel | Size | Packages | Critical | High | Medium | Low | Unknown | Took |
    |:--|:--|:--|:--|--:|--:|--:|--:|--:|--:|--:|--:|
    | **debian-12** | ✗ failed | – | – | 612.4 MiB | 318 | – | – | – | – | – | 4 min 2 s |

    <sub>Findings of each severity: with a fix / all.</sub>

    ### ✗ debian-12

    **debian-12** failed in test: boot: no systemd unit has failed: ssh.service (and 1 more case).

    - **failed**: no systemd unit has failed: ssh.service, &#60;b&#62;x&#60;/b&#62;.service
    - **see**: `/srv/work/.goldsmith/runs/r/logs/debian-12-boot-1.log`
    - **failed**: :·:·error:·:`resolves`
    - **log**: `/srv/work/.goldsmith/runs/20261123t102646z-5f3a9c/debian-12/build.log`

    <details><summary>Tests</summary>

    | Image | Test | Passed | Failed | Not checked | Took |
    |:--|:--|--:|--:|--:|--:|
    | **debian-12** | `boot` | 1 | 1 | 1 | 1 min 11 s |
    | **debian-12** | `` ./smoke.sh ¦ tee `out` `` | 1 | 1 | 0 | 420 ms |

    </details>

    <details><summary>Time of each stage</summary>

    | Image | reserve | prepare | build | evidence | scan | gate | test | publish | record |
    |:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|
    | **debian-12** | 3 ms | 41 s | 3 min 12 s | 8.1 s | 640 ms | 2 ms | ✗ 1 min 11 s | – | – |

    </details>

    <sub>goldsmith 0.1.0 · packer 1.16.0 · trivy 0.74.0 · advisories made 8 h ago · 4 min 2 s, of which goldsmith itself took 412 ms · run 20261123t102646z-5f3a9c</sub>
    ");
}

#[test]
fn a_verified_image() {
    insta::assert_snapshot!(whole(&samples::verified_fresh()), @"
    ## goldsmith: 1 image verified fresh

    | Image | Result | Version | Channel | Size | Packages | Critical | High | Medium | Low | Unknown | Took |
    |:--|:--|:--|:--|--:|--:|--:|--:|--:|--:|--:|--:|
    | **debian-12** | ✓ verified fresh | 1.0.20261001 | – | 612.4 MiB | 318 | 0 / 1 | 3 / 3 | 1 / 1 | 0 / 0 | 0 / 1 | 4 min 6 s |

    <sub>Findings of each severity: with a fix / all.</sub>

    <details><summary>Time of each stage</summary>

    | Image | reserve | prepare | build | evidence | scan | gate | test | publish | record |
    |:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|
    | **debian-12** | 3 ms | 41 s | 3 min 12 s | 8.1 s | 640 ms | 2 ms | – | – | 18 ms |

    </details>

    <details><summary>debian-12: findings that do not block (6)</summary>

    | Severity | Advisory | Packages | Installed | Fixed in | Why it does not block | Title |
    |:--|:--|:--|:--|:--|:--|:--|
    | HIGH | [CVE-2026-50001](https://avd.aquasec.com/nvd/cve-2026-50001) | `libssl3` | `3.0.17-1~deb12u2` | `3.0.17-1~deb12u3` | in grace until 2026-11-28 |  |
    | HIGH | [CVE-2026-50002](https://avd.aquasec.com/nvd/cve-2026-50002) | `libssl3` | `3.0.17-1~deb12u2` | `3.0.17-1~deb12u3` | not new: 1.0.20261001 has it as well |  |
    | HIGH | [CVE-2026-50003](https://avd.aquasec.com/nvd/cve-2026-50003) | `libssl3` | `3.0.17-1~deb12u2` | `3.0.17-1~deb12u3` | waived by jo until 2026-12-31: only servers with client certificates are affected |  |
    | CRITICAL | [CVE-2023-45853](https://avd.aquasec.com/nvd/cve-2023-45853) | `zlib1g` | `1:1.2.13.dfsg-1` | – | no fix yet | zlib: integer overflow and resultant heap-based buffer overflow in zipOpenNewFileInZip4&#95;6 |
    | MEDIUM | [CVE-2025-14524](https://avd.aquasec.com/nvd/cve-2025-14524) | `curl`, `libcurl4` | `7.88.1-10+deb12u12` | `7.88.1-10+deb12u15` | below the threshold | curl: bearer token leak on redirect |
    | UNKNOWN | [CVE-2026-54370](https://avd.aquasec.com/nvd/cve-2026-54370) | `libacl1` | `2.3.1-3` | – | below the threshold |  |

    </details>

    <sub>goldsmith 0.1.0 · packer 1.16.0 · trivy 0.74.0 · advisories made 8 h ago · 4 min 6 s, of which goldsmith itself took 412 ms · run 20261123t102646z-5f3a9c</sub>
    ");
}

#[test]
fn a_cancelled_image() {
    insta::assert_snapshot!(whole(&samples::cancelled()), @"
    ## goldsmith: 1 image cancelled

    | Image | Result | Version | Channel | Size | Packages | Critical | High | Medium | Low | Unknown | Took |
    |:--|:--|:--|:--|--:|--:|--:|--:|--:|--:|--:|--:|
    | **debian-12** | ✗ cancelled | – | – | – | – | – | – | – | – | – | 3 min 53 s |

    <sub>Findings of each severity: with a fix / all.</sub>

    ### ✗ debian-12

    **debian-12** was cancelled in build.

    - **hint**: the virtual machine is gone; the next run starts over
    - **log**: `/srv/work/.goldsmith/runs/20261123t102646z-5f3a9c/debian-12/build.log`

    <details><summary>Time of each stage</summary>

    | Image | reserve | prepare | build | evidence | scan | gate | test | publish | record |
    |:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|
    | **debian-12** | 3 ms | 41 s | ✗ 3 min 12 s | – | – | – | – | – | – |

    </details>

    <sub>goldsmith 0.1.0 · packer 1.16.0 · trivy 0.74.0 · 3 min 53 s, of which goldsmith itself took 412 ms · run 20261123t102646z-5f3a9c</sub>
    ");
}

#[test]
fn several_images_show_what_needs_attention_first() {
    insta::assert_snapshot!(whole(&samples::mixed()), @r#"
    ## goldsmith: 1 image published, 1 verified fresh, 1 blocked, 1 untrusted, 1 failed

    | Image | Result | Version | Channel | Size | Packages | Critical | High | Medium | Low | Unknown | Took |
    |:--|:--|:--|:--|--:|--:|--:|--:|--:|--:|--:|--:|
    | **rocky-9** | ✗ failed | – | – | – | – | – | – | – | – | – | 3 min 53 s |
    | **k8s-1.35-debian-12** | ? untrusted | – | – | 612.4 MiB | 318 | – | – | – | – | – | 4 min 2 s |
    | **debian-12** | ✗ blocked | – | – | 612.4 MiB | 318 | 1 / 2 | 4 / 4 | 1 / 1 | 0 / 0 | 0 / 1 | 4 min 2 s |
    | **debian-13** | ✓ verified fresh | 1.0.20261001 | – | 612.4 MiB | 318 | 0 / 1 | 3 / 3 | 1 / 1 | 0 / 0 | 0 / 1 | 4 min 6 s |
    | **ubuntu-2404** | ✓ published | 1.0.20261123 | candidate | 612.4 MiB | 318 | 0 / 1 | 3 / 3 | 1 / 1 | 0 / 0 | 0 / 1 | 4 min 6 s |

    <sub>Findings of each severity: with a fix / all.</sub>

    ### ✗ rocky-9

    **rocky-9** failed in build: provisioner `shell` failed: script exited with status 100: E: Unable to locate package qemu-guest-agnet.

    - **hint**: the last lines of the log show what the guest printed
    - **log**: `/srv/work/.goldsmith/runs/20261123t102646z-5f3a9c/rocky-9/build.log`

    ### ? k8s-1.35-debian-12

    **k8s-1.35-debian-12** is untrusted: the disk holds debian 13.1, and `os:` in images.yml says debian 12.

    - **hint**: correct `os:` in images.yml, or look at what the template starts from
    - **also**: the advisory database was made 412 days ago; at most 48 h are allowed
    - **hint**: update it with `trivy image --download-db-only`

    ### ✗ debian-12

    **debian-12** is blocked: 2 advisories with a fix: CVE-2026-40355 (CRITICAL) in krb5, CVE-2026-0861 (HIGH) in glibc.

    - **hint**: install the fixed versions and build again; if a finding does not matter here, say so in waivers.yml
    - **kept aside**: `file:///srv/images/rejected/debian-12-v1.0.20261123.qcow2`

    | Severity | Advisory | Packages | Installed | Fixed in | Title |
    |:--|:--|:--|:--|:--|:--|
    | CRITICAL | [CVE-2026-40355](https://avd.aquasec.com/nvd/cve-2026-40355) | `krb5-locales`, `libgssapi-krb5-2`, `libk5crypto3`, 2 more | `1.20.1-2+deb12u4` | `1.20.1-2+deb12u5` | krb5: heap overflow when a ticket's authorization data is parsed |
    | HIGH | [CVE-2026-0861](https://avd.aquasec.com/nvd/cve-2026-0861) | `libc6` | `2.36-9+deb12u10` | `2.36-9+deb12u14` | glibc: integer overflow in memalign leads to heap corruption |

    | Rule | What was found | What to do |
    |:--|:--|:--|
    | `private-keys` | a private key is left in the image: /root/.ssh/id&#95;ed25519 | remove it at the end of the build, and make a new one: this one is known now |

    <details><summary>Does it not matter here? Entries for waivers.yml, which want a reason</summary>

    ```yaml
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
    ```

    </details>

    **debian-12**: stable is 1.0.20261120 now (was 1.0.20261101): soak: 3d in candidate.

    **alpine-3**: 1.0.20261120 stays in candidate and does not enter stable today: it would not pass the gate any more: CVE-2026-1 (HIGH) in musl.

    <details><summary>Not built: 2 images</summary>

    - **alpine-3** is not due: built in this slot as 1.0.20261101 and its definition is unchanged; next slot 1 December 2026, 02:00 UTC
    - 1 image not selected

    </details>

    <details><summary>Published: 1 file</summary>

    | Image | Where | Size | Digest |
    |:--|:--|--:|:--|
    | **ubuntu-2404** | `file:///srv/images/ubuntu-2404/1.0.20261123/ubuntu-2404-v1.0.20261123.qcow2` | 612.4 MiB | `sha256:d347b21a139cb325f74a626a4be1b09ede58f6cc962740553eb2e932ab5fb2f9` |

    </details>

    <details><summary>Time of each stage</summary>

    | Image | reserve | prepare | build | evidence | scan | gate | test | publish | record |
    |:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|
    | **rocky-9** | 3 ms | 41 s | ✗ 3 min 12 s | – | – | – | – | – | – |
    | **k8s-1.35-debian-12** | 3 ms | 41 s | 3 min 12 s | 8.1 s | 640 ms | ✗ 2 ms | – | – | – |
    | **debian-12** | 3 ms | 41 s | 3 min 12 s | 8.1 s | 640 ms | ✗ 2 ms | – | – | – |
    | **debian-13** | 3 ms | 41 s | 3 min 12 s | 8.1 s | 640 ms | 2 ms | – | – | 18 ms |
    | **ubuntu-2404** | 3 ms | 41 s | 3 min 12 s | 8.1 s | 640 ms | 2 ms | – | 4.4 s | 18 ms |

    </details>

    <details><summary>debian-12: 1 new and 1 fixed since 1.0.20261001</summary>

    | | Severity | Advisory | Source | Fixed in |
    |:--|:--|:--|:--|:--|
    | new | CRITICAL | `CVE-2026-40355` | `krb5` | `2` |
    | fixed | MEDIUM | `CVE-2026-31000` | `krb5` | `2` |

    </details>

    <details><summary>debian-12: golden rules that do not block (1)</summary>

    | Rule | What was found | What to do |
    |:--|:--|:--|
    | `shell-history` | /root/.bash&#95;history has 3 KB | remove it at the end of the build |

    </details>

    <details><summary>ubuntu-2404: golden rules that were not checked (2)</summary>

    Not checked: `shell-history`, `private-keys`.

    </details>

    <details><summary>debian-12: findings that do not block (6)</summary>

    | Severity | Advisory | Packages | Installed | Fixed in | Why it does not block | Title |
    |:--|:--|:--|:--|:--|:--|:--|
    | HIGH | [CVE-2026-50001](https://avd.aquasec.com/nvd/cve-2026-50001) | `libssl3` | `3.0.17-1~deb12u2` | `3.0.17-1~deb12u3` | in grace until 2026-11-28 |  |
    | HIGH | [CVE-2026-50002](https://avd.aquasec.com/nvd/cve-2026-50002) | `libssl3` | `3.0.17-1~deb12u2` | `3.0.17-1~deb12u3` | not new: 1.0.20261001 has it as well |  |
    | HIGH | [CVE-2026-50003](https://avd.aquasec.com/nvd/cve-2026-50003) | `libssl3` | `3.0.17-1~deb12u2` | `3.0.17-1~deb12u3` | waived by jo until 2026-12-31: only servers with client certificates are affected |  |
    | CRITICAL | [CVE-2023-45853](https://avd.aquasec.com/nvd/cve-2023-45853) | `zlib1g` | `1:1.2.13.dfsg-1` | – | no fix yet | zlib: integer overflow and resultant heap-based buffer overflow in zipOpenNewFileInZip4&#95;6 |
    | MEDIUM | [CVE-2025-14524](https://avd.aquasec.com/nvd/cve-2025-14524) | `curl`, `libcurl4` | `7.88.1-10+deb12u12` | `7.88.1-10+deb12u15` | below the threshold | curl: bearer token leak on redirect |
    | UNKNOWN | [CVE-2026-54370](https://avd.aquasec.com/nvd/cve-2026-54370) | `libacl1` | `2.3.1-3` | – | below the threshold |  |

    </details>

    <details><summary>debian-13: findings that do not block (6)</summary>

    | Severity | Advisory | Packages | Installed | Fixed in | Why it does not block | Title |
    |:--|:--|:--|:--|:--|:--|:--|
    | HIGH | [CVE-2026-50001](https://avd.aquasec.com/nvd/cve-2026-50001) | `libssl3` | `3.0.17-1~deb12u2` | `3.0.17-1~deb12u3` | in grace until 2026-11-28 |  |
    | HIGH | [CVE-2026-50002](https://avd.aquasec.com/nvd/cve-2026-50002) | `libssl3` | `3.0.17-1~deb12u2` | `3.0.17-1~deb12u3` | not new: 1.0.20261001 has it as well |  |
    | HIGH | [CVE-2026-50003](https://avd.aquasec.com/nvd/cve-2026-50003) | `libssl3` | `3.0.17-1~deb12u2` | `3.0.17-1~deb12u3` | waived by jo until 2026-12-31: only servers with client certificates are affected |  |
    | CRITICAL | [CVE-2023-45853](https://avd.aquasec.com/nvd/cve-2023-45853) | `zlib1g` | `1:1.2.13.dfsg-1` | – | no fix yet | zlib: integer overflow and resultant heap-based buffer overflow in zipOpenNewFileInZip4&#95;6 |
    | MEDIUM | [CVE-2025-14524](https://avd.aquasec.com/nvd/cve-2025-14524) | `curl`, `libcurl4` | `7.88.1-10+deb12u12` | `7.88.1-10+deb12u15` | below the threshold | curl: bearer token leak on redirect |
    | UNKNOWN | [CVE-2026-54370](https://avd.aquasec.com/nvd/cve-2026-54370) | `libacl1` | `2.3.1-3` | – | below the threshold |  |

    </details>

    <details><summary>ubuntu-2404: findings that do not block (6)</summary>

    | Severity | Advisory | Packages | Installed | Fixed in | Why it does not block | Title |
    |:--|:--|:--|:--|:--|:--|:--|
    | HIGH | [CVE-2026-50001](https://avd.aquasec.com/nvd/cve-2026-50001) | `libssl3` | `3.0.17-1~deb12u2` | `3.0.17-1~deb12u3` | in grace until 2026-11-28 |  |
    | HIGH | [CVE-2026-50002](https://avd.aquasec.com/nvd/cve-2026-50002) | `libssl3` | `3.0.17-1~deb12u2` | `3.0.17-1~deb12u3` | not new: 1.0.20261001 has it as well |  |
    | HIGH | [CVE-2026-50003](https://avd.aquasec.com/nvd/cve-2026-50003) | `libssl3` | `3.0.17-1~deb12u2` | `3.0.17-1~deb12u3` | waived by jo until 2026-12-31: only servers with client certificates are affected |  |
    | CRITICAL | [CVE-2023-45853](https://avd.aquasec.com/nvd/cve-2023-45853) | `zlib1g` | `1:1.2.13.dfsg-1` | – | no fix yet | zlib: integer overflow and resultant heap-based buffer overflow in zipOpenNewFileInZip4&#95;6 |
    | MEDIUM | [CVE-2025-14524](https://avd.aquasec.com/nvd/cve-2025-14524) | `curl`, `libcurl4` | `7.88.1-10+deb12u12` | `7.88.1-10+deb12u15` | below the threshold | curl: bearer token leak on redirect |
    | UNKNOWN | [CVE-2026-54370](https://avd.aquasec.com/nvd/cve-2026-54370) | `libacl1` | `2.3.1-3` | – | below the threshold |  |

    </details>

    <sub>goldsmith 0.1.0 · packer 1.16.0 · trivy 0.74.0 · advisories made 8 h ago · 20 min 10 s, of which goldsmith itself took 412 ms · run 20261123t102646z-5f3a9c</sub>
    "#);
}

#[test]
fn demo_data_is_loud() {
    insta::assert_snapshot!(whole(&samples::demo_data()), @"
    ## goldsmith: 1 image published

    > [!CAUTION]
    > **DEMO DATA** (`68 advisories for Debian 12`): for show only, these results prove nothing.

    | Image | Result | Version | Channel | Size | Packages | Critical | High | Medium | Low | Unknown | Took |
    |:--|:--|:--|:--|--:|--:|--:|--:|--:|--:|--:|--:|
    | **debian-12** | ✓ published | 1.0.20261123 | candidate | 612.4 MiB | 318 | 0 / 1 | 3 / 3 | 1 / 1 | 0 / 0 | 0 / 1 | 4 min 6 s |

    <sub>Findings of each severity: with a fix / all.</sub>

    ### ✓ debian-12

    **debian-12** passed the gate and is published as 1.0.20261123.

    - **warning**: debian 12 is past its end of life
    - **hint**: move to debian 13

    <details><summary>Published: 1 file</summary>

    | Image | Where | Size | Digest |
    |:--|:--|--:|:--|
    | **debian-12** | `file:///srv/images/debian-12/1.0.20261123/debian-12-v1.0.20261123.qcow2` | 612.4 MiB | `sha256:cae66afe3057e4eb553d161dd813fb8e53fc3493d0b0804fdc40214a589247de` |

    </details>

    <details><summary>Time of each stage</summary>

    | Image | reserve | prepare | build | evidence | scan | gate | test | publish | record |
    |:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|
    | **debian-12** | 3 ms | 41 s | 3 min 12 s | 8.1 s | 640 ms | 2 ms | – | 4.4 s | 18 ms |

    </details>

    <details><summary>debian-12: golden rules that were not checked (2)</summary>

    Not checked: `shell-history`, `private-keys`.

    </details>

    <details><summary>debian-12: findings that do not block (6)</summary>

    | Severity | Advisory | Packages | Installed | Fixed in | Why it does not block | Title |
    |:--|:--|:--|:--|:--|:--|:--|
    | HIGH | [CVE-2026-50001](https://avd.aquasec.com/nvd/cve-2026-50001) | `libssl3` | `3.0.17-1~deb12u2` | `3.0.17-1~deb12u3` | in grace until 2026-11-28 |  |
    | HIGH | [CVE-2026-50002](https://avd.aquasec.com/nvd/cve-2026-50002) | `libssl3` | `3.0.17-1~deb12u2` | `3.0.17-1~deb12u3` | not new: 1.0.20261001 has it as well |  |
    | HIGH | [CVE-2026-50003](https://avd.aquasec.com/nvd/cve-2026-50003) | `libssl3` | `3.0.17-1~deb12u2` | `3.0.17-1~deb12u3` | waived by jo until 2026-12-31: only servers with client certificates are affected |  |
    | CRITICAL | [CVE-2023-45853](https://avd.aquasec.com/nvd/cve-2023-45853) | `zlib1g` | `1:1.2.13.dfsg-1` | – | no fix yet | zlib: integer overflow and resultant heap-based buffer overflow in zipOpenNewFileInZip4&#95;6 |
    | MEDIUM | [CVE-2025-14524](https://avd.aquasec.com/nvd/cve-2025-14524) | `curl`, `libcurl4` | `7.88.1-10+deb12u12` | `7.88.1-10+deb12u15` | below the threshold | curl: bearer token leak on redirect |
    | UNKNOWN | [CVE-2026-54370](https://avd.aquasec.com/nvd/cve-2026-54370) | `libacl1` | `2.3.1-3` | – | below the threshold |  |

    </details>

    <sub>goldsmith 0.1.0 · packer 1.16.0 · trivy 0.74.0 · advisories made 8 h ago · 4 min 6 s, of which goldsmith itself took 412 ms · run 20261123t102646z-5f3a9c</sub>
    ");
}

/// Everything in a document but its words: blocks, HTML, emphasis, addresses.
fn skeleton(markdown: &str) -> Vec<String> {
    use comrak::nodes::NodeValue;
    let arena = comrak::Arena::new();
    let root = comrak::parse_document(&arena, markdown, &super::escape::tests::github());
    let kind = |value: &NodeValue| match value {
        NodeValue::Text(_) | NodeValue::Code(_) => None,
        NodeValue::Link(link) if link.url.starts_with("https://avd.aquasec.com/") => None,
        NodeValue::HtmlBlock(html) => Some(html.literal.clone()),
        NodeValue::HtmlInline(html) => Some(html.clone()),
        other => Some(format!("{other:?}")),
    };
    root.descendants().filter_map(|node| kind(&node.data.borrow().value)).collect()
}

#[test]
fn hostile_text_changes_nothing_but_text() {
    let hostile = whole(&samples::hostile());
    assert_eq!(skeleton(&hostile), skeleton(&whole(&samples::mixed())));
    assert!(!hostile.contains('\u{1b}'));
}

#[test]
fn three_hundred_images_keep_the_limit_and_every_blocked_one_is_seen() {
    let sample = samples::three_hundred();
    for limit in [SUMMARY_LIMIT, 65_535, 16_384] {
        let text = report(&sample, limit);
        assert!(text.len() <= limit);
        for image in &sample.images {
            let row = format!("| **{}** | {} ", image.image, image.standing().sign());
            assert!(image.standing().is_good() || text.contains(&row), "{limit}: {row}");
        }
    }
}
