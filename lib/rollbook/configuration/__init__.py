"""
One value in the text of a configuration file: found, and put in place with every other byte kept.

`editing.read` and `editing.put` know five formats: `env` (`KEY=value`, as shells and systemd read it), `ini`
(`section.option`), `toml` (`table.key`), `json` and `yaml` (a path of keys and list indexes). A key holds its names
joined by dots; a name that itself holds a dot is written in double quotes. What was put is read back by the format's
own parser where there is one, and refused where it does not give that value.
"""
