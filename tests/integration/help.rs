//! What `--help` says: whole.

use crate::command_line::{Folder, IMAGES};

#[test]
fn the_help_names_every_command_and_option() {
    let folder = Folder::new(IMAGES);
    insta::assert_snapshot!(folder.goldsmith(&["--help"], &[]), @"
    exit code 0
    --- stdout
    Builds golden machine images through Packer, gates them on Trivy and publishes what can be trusted

    Usage: goldsmith [OPTIONS] <COMMAND>

    Commands:
      init      Write an image matrix and a workflow for the Packer templates that are here
      plan      Show what would be built, and why
      run       Build what is due: plan, build, look inside, judge, publish, record, report
      scan      Look inside an existing artifact and judge it
      regate    Judge builds again that did not pass and were kept aside, and publish what passes by
                now; build nothing
      rescan    Match the inventories of all published versions against today's advisories: nothing is
                built or booted
      versions  List the published versions of an image, or what has become of its channels
      show      Show what consumers need to know of a version; exit code 1 if one is revoked
      pull      Fetch the files of a version to this machine, and print where they lie; verified,
                cached, and gone on with where it broke off
      verify    Read all that is stored of a version, wherever it lies, and compare it with what is
                recorded
      promote   Have a channel name a version, if it would pass the gate today and nothing stands
                against it
      rollback  Take a channel back to what it named before, and hold it there
      pin       Have a channel stay where it is, whatever is published
      unpin     Let a channel go on that was pinned or taken back
      revoke    Withdraw a version: nobody should use it any more
      prune     Remove the bytes of versions that nobody needs: first they are marked, later they go
      diff      Show what has changed between two published versions
      reap      Clean up after runs that were killed: here, and in the registry of the image matrix
      registry  Check the record of versions, and make again what follows from its logs
      lint      Tell all problems of the image matrix
      plugins   Install the Packer plugins that templates require, and lock them in goldsmith.lock
      waivers   Show the waivers, which of them end, and which nobody needs any more
      schema    Print the JSON Schema of the image matrix, for editors

    Options:
      -C <DIR>             Run as if started in DIR
          --config <FILE>  The image matrix [default: images.yml]
      -v, --verbose        Show what child processes print
      -q, --quiet          Show the result only
          --color <WHEN>   Colour the output [default: auto] [possible values: auto, always, never]
          --no-progress    Do not draw a live table
      -h, --help           Print help
      -V, --version        Print version
    --- stderr
    ");
    insta::assert_snapshot!(folder.goldsmith(&["run", "--help"], &[]), @"
    exit code 0
    --- stdout
    Build what is due: plan, build, look inside, judge, publish, record, report

    Usage: goldsmith run [OPTIONS] [IMAGE]...

    Arguments:
      [IMAGE]...
              Images to look at, by name or glob; all when none is named

    Options:
          --due
              Of the images that are named, only those that are due

          --label <LABEL>
              Only images with this label; one of them, if there are several

          --changed-since <REF>
              Only what has changed since the branch left REF, and what is built upon that

          --only-failed
              Only images whose last attempt failed or did not pass

          --force
              Build what is selected, due or not, and publish it also if it equals the newest version

          --registry <URL>
              Where versions and channels are recorded, instead of what images.yml says

          --from-artifact <IMAGE=PATH>
              Enter after the build with an artifact that exists

          --store <URL>
              Where the bytes go, instead of what images.yml says

          --db <DIR>
              Advisory database: a Trivy cache folder with `db/trivy.db`; downloaded when left out

          --db-repository <REPOSITORY>
              OCI repository to download it from, once for each that is tried, in this order; else those
              of `TRIVY_DB_REPOSITORY`, or Trivy's own

          --dry-run
              Build and judge, but publish and record nothing

          --grace <TIME>
              How long builds may take to clean up after themselves before they are killed: when they
              are out of time, or the run is to stop. A forge's runner waits 6 seconds for a job to stop
              
              [default: 2m]

          --budget <BUDGET>
              What all builds together may take of the machine, in parts or whole:
              `cpus=4,memory=8G,disk=50G`; the rest is what is free

          --allow-dirty
              Publish although the work tree has changes that are in no commit

          --format <FORMAT>
              Form of the result

              Possible values:
              - text: For people
              - json: For programs: JSON, version 1
              
              [default: text]

      -C <DIR>
              Run as if started in DIR

          --config <FILE>
              The image matrix
              
              [default: images.yml]

      -v, --verbose
              Show what child processes print

      -q, --quiet
              Show the result only

          --color <WHEN>
              Colour the output
              
              [default: auto]
              [possible values: auto, always, never]

          --no-progress
              Do not draw a live table

      -h, --help
              Print help (see a summary with '-h')
    --- stderr
    ");
}
