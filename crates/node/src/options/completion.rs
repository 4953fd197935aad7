//! `--completion-bash`: completion of options for bash (`OptionsParser::GetBashCompletion` in Node's
//! `src/node_options.cc`).

use crate::library::tables::tables;

/// The script that bash evaluates.
#[must_use]
pub fn bash() -> String {
    let names = |key: &str| -> Vec<&'static str> {
        let entries = tables()["options"][key].as_array().into_iter().flatten();
        entries
            .filter_map(|entry| entry[0].as_str())
            .filter(|name| name.starts_with('-'))
            .collect()
    };
    let mut words = names("info");
    words.extend(names("aliases"));
    let words = words.join(" ");
    format!(
        "_node_complete() {{
  local cur_word options
  cur_word=\"${{COMP_WORDS[COMP_CWORD]}}\"
  if [[ \"${{cur_word}}\" == -* ]] ; then
    COMPREPLY=( $(compgen -W '{words}' -- \"${{cur_word}}\") )
    return 0
  else
    COMPREPLY=( $(compgen -f \"${{cur_word}}\") )
    return 0
  fi
}}
complete -o filenames -o nospace -o bashdefault -F _node_complete node node_g\n"
    )
}
