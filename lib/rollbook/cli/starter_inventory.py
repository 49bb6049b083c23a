"""The environment that `init` writes: with all that the runbooks which come with Rollbook look for, as comments."""

from typing import Final

INVENTORY: Final = """\
# One file for each environment; a runbook's targets bind to the targets of the same name here.
environment: here

# A protected environment asks for its name and a reason, and takes no approval from the command line.
protected: false

# What the runbooks that come with Rollbook look for in `vars` and `targets`. Take a line's first '# ' away to use it;
# what is left out is asked of a person or left undone. A command is a list of words, or one line for `sh -c`.
# vars:
#   # restore-course. What is said of pruning is run on `pruning`, what freezes a course on `cms`, with COURSE_ID set.
#   manage_cms: [./manage.py, cms]            # how management commands of Studio begin; this unless given
#   course_freeze_command: "./manage.py cms take_course_access $COURSE_ID"    # your own: takes the right to edit away
#   course_unfreeze_command: "./manage.py cms give_course_access $COURSE_ID"  # gives it back
#   pruning_pause_command: [kubectl, patch, cronjob, prune, -p, '{"spec": {"suspend": true}}']
#   pruning_resume_command: [kubectl, patch, cronjob, prune, -p, '{"spec": {"suspend": false}}']
#   # Succeeds while a pruning runs. A suspended schedule does not stop one, so it is waited for.
#   pruning_running_command: "kubectl get pods -l job=prune --field-selector status.phase=Running | grep -q ."
#   # Succeeds while pruning, if it were resumed now, would begin at once with what it missed: this is waited out, too.
#   pruning_missed_command: [/usr/local/bin/prune-is-overdue]
#   course_search: true                       # make the search index of the course again
#   course_page: "/courses/{key}/about"       # what the smoke test asks for; this unless given
#   course_page_shows_title: true             # and that page has the course's title
#
#   # rollback-deploy, rollback-code, rollback-database, stop-writers, backup-database, fix-forward and bad-deploy.
#   # Commands are run on `app`; services, logs and the maintenance file are on `host`.
#   approvers: [platform-lead]                # who may approve; anybody unless given
#   contacts: [Technical lead (555-0100), Support]
#   backup_folder: /var/backups/site
#   backup_host: host                         # the target with that folder; this machine unless given
#   repository: .                             # the checkout, seen from `app`; this unless given
#   push_remote: origin                       # where the commit that goes back is pushed to; nowhere unless given
#   python: python                            # by which manage.py is run; this unless given
#   build_command: [make, build]              # installs what the code needs, builds what it serves
#   migrate_command: [python, manage.py, migrate, --no-input]  # this unless given
#   database_url_variable: DATABASE_URL       # by which the code takes another database; this unless given
#   service_manager: systemd                  # or supervisor; systemd unless given
#   supervisor_config: /etc/supervisord.conf
#   service_commands:                         # instead, where neither of both has them; {service} is the name
#     start: [docker, compose, start, "{service}"]
#     stop: [docker, compose, stop, "{service}"]
#     status: [bin/is-up, "{service}"]        # exits with 0 where it runs, 1 to 3 where not
#     pid: [bin/pid-of, "{service}"]          # prints the number of its process: for rollback-code, which restarts
#   services: [web, worker]                   # in the order in which they are stopped
#   maintenance_file: /srv/site/maintenance   # while it is there, visitors are told so
#   queues: [celery]                          # of the workers; this unless given
#   purge_tasks: ["newapp.*"]                 # messages that only the deployed code understands
#   logs: [/var/log/site/web.log]
#   allowed_log_lines: ["DeprecationWarning"] # patterns of lines that are no errors
#   maintenance_log_lines: ["Service Unavailable", " 503 "]  # nor these while it is closed; these unless given
#   smoke_checks:                             # pages that must read rows
#     - {name: Home page, url: /, contains: Welcome}
#   functional_checks: [People can log in, What the deploy took is there again]
#   search_command: [python, manage.py, rebuild_index, --noinput]
#   search_progress: 'indexed (?P<done>[0-9]+) of (?P<total>[0-9]+)'
#   search_queries:
#     - {name: posts, url: "/search/?q=test", json: results}
#   users: {table: auth_user, key: id, email: email}           # whose rows were lost is told by foreign keys to it
#   users_subject: About what you wrote
#   users_text: Some of what you wrote was away for a while, or may not be as you left it.
#
#   # protect-migration, migrate-destructively, recover-migration-data, recover-where-migrated, destructive-migration,
#   # settle-half-migration.
#   django_database: default                  # its name in the site's settings; this unless given
#   snapshot_folder: /var/backups/snapshots
#   encrypt_to: age1…                         # whom snapshots are sealed for: age, ssh or gpg; open unless given
#   shadow_variables: {DATABASE_URL: url}     # by which the code takes the shadow database; this unless given
#   code_command: [deploy, next]              # deploys the code that does without what the migration removes
#   code_back_command: [deploy, previous]     # puts the code back that uses it
#   code_forth_command: [deploy, next]

targets:
  local: {kind: local}

  # A secret is a reference: env:NAME, file:PATH (mode 0600) or command:ARGV. Values are never written down.
  # ledger: {kind: sql, url: {secret: "env:LEDGER_URL"}}  # restore-course: the database of LMS and Studio
  # modulestore: {kind: mongo, url: {secret: "env:MONGO_URL"}, database: edxapp}
  # cms: {kind: command, on: local, prefix: [docker, exec, -i, cms]}  # where ./manage.py cms runs
  # pruning: {kind: local}                    # where the commands that pause and resume pruning run
  # db: {kind: postgres, url: {secret: "env:DATABASE_URL"}}  # the site's database; for snapshots also kind: sql
  # replica: {kind: sql, url: {secret: "env:REPLICA_URL"}}   # recover-migration-data waits for it (MariaDB, MySQL)
  # host: {kind: ssh, host: app1.example.org} # services, logs and the maintenance file
  # app: {kind: command, on: host, prefix: [env, -C, /srv/site]}  # the code in service, with the site's settings
  # migrations_app: {kind: command, on: host, prefix: [env, -C, /srv/next]}  # that which migrates, where it is another
  # broker: {kind: broker, url: "redis://127.0.0.1:6379/0"}
  # backups: {kind: s3, bucket: site-backups} # a store where copies go
  # site: {kind: http, base_url: "https://example.org"}
  # channel: {kind: http, base_url: "https://chat.example.org/hooks/team"}  # where the team is told
  # status_page: {kind: http, base_url: "https://status.example.org/hooks/public"}  # where the public is told
  # users_mail: {kind: smtp, host: mail.example.org, sender: site@example.org}
"""
