//! unzip's command line: options in front of the archive, then members, `-x` and `-d`.

use super::BAD_OPTION;
use secure_exec_cli::{Args, Failure, bytes, os_string};
use std::path::PathBuf;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Extract,
    List,
    Verbose,
    Test,
    /// Members alone on standard output.
    Pipe,
    /// The same with their names.
    Print,
    Comment,
    Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    Ask,
    Always,
    Never,
}

#[expect(clippy::struct_excessive_bools, reason = "each is an option of unzip")]
pub struct Options {
    pub action: Action,
    pub archive: Vec<u8>,
    pub wanted: Vec<Vec<u8>>,
    pub excluded: Vec<Vec<u8>>,
    pub directory: Option<PathBuf>,
    pub overwrite: Overwrite,
    pub quiet: usize,
    /// 1: members that are said to be text; 2: all.
    pub text: usize,
    /// 1: names of systems without small letters; 2: all.
    pub lower_case: usize,
    /// 1: no times of directories; 2: no times.
    pub no_times: usize,
    pub junk: bool,
    pub update: bool,
    pub freshen: bool,
    pub ignores_case: bool,
    pub owners: bool,
    pub set_id: bool,
    pub backups: bool,
    /// `-:`: members may leave the directory.
    pub climbs: bool,
}

const USAGE: &str = "Usage: unzip [-Z] [-opts[modifiers]] file[.zip] [list] [-x xlist] [-d exdir]
  Default action is to extract files in list, except those in xlist, to exdir;
  file[.zip] may be a wildcard.  -Z => ZipInfo mode (\"unzip -Z\" for usage).

  -p  extract files to pipe, no messages     -l  list files (short format)
  -f  freshen existing files, create none    -t  test compressed archive data
  -u  update files, create if necessary      -z  display archive comment only
  -v  list verbosely/show version info       -T  timestamp archive to latest
  -x  exclude files that follow (in xlist)   -d  extract files into exdir
modifiers:
  -n  never overwrite existing files         -q  quiet mode (-qq => quieter)
  -o  overwrite files WITHOUT prompting      -a  auto-convert any text files
  -j  junk paths (do not make directories)   -aa treat ALL files as text
  -C  match filenames case-insensitively     -L  make (some) names lowercase
  -X  restore UID/GID info                   -K  keep setuid/setgid/tacky permissions
  -B  keep what is replaced as NAME~         -D  no times of directories (-DD: none)";

fn wrong(message: &str) -> Failure {
    eprintln!("{USAGE}");
    Failure {
        status: BAD_OPTION,
        message: message.to_owned(),
    }
}

impl Options {
    pub fn parse(args: &Args) -> Result<Self, Failure> {
        let mut options = Self {
            action: Action::Extract,
            archive: Vec::new(),
            wanted: Vec::new(),
            excluded: Vec::new(),
            directory: None,
            overwrite: Overwrite::Ask,
            quiet: 0,
            text: 0,
            lower_case: 0,
            no_times: 0,
            junk: false,
            update: false,
            freshen: false,
            ignores_case: false,
            owners: false,
            set_id: false,
            backups: false,
            climbs: false,
        };
        let mut list = args.list.iter().map(|word| bytes(word).to_vec()).peekable();
        while let Some(word) = list.next_if(|word| word.len() > 1 && word[0] == b'-') {
            if word == b"--" {
                break;
            }
            if matches!(&word[1..], b"-help" | b"h" | b"hh") {
                println!("{USAGE}");
                return Err(Failure::silent(0));
            }
            for (at, letter) in word.iter().enumerate().skip(1) {
                if *letter == b'd' {
                    options.set_directory(&word[at + 1..], &mut list)?;
                    break;
                }
                if matches!(letter, b'O' | b'I' | b'P') {
                    if word[at + 1..].is_empty() {
                        list.next();
                    }
                    break;
                }
                options.letter(*letter)?;
            }
        }
        let Some(archive) = list.next() else {
            if options.action == Action::Verbose {
                println!("UnZip 6.00 (secure-exec {})", env!("CARGO_PKG_VERSION"));
            } else {
                println!("{USAGE}");
            }
            return Err(Failure::silent(0));
        };
        options.archive = archive;
        options.members(&mut list)?;
        Ok(options)
    }

    /// The directory of `-d`: what is attached to it, or else the next word.
    fn set_directory(
        &mut self,
        attached: &[u8],
        list: &mut impl Iterator<Item = Vec<u8>>,
    ) -> Result<(), Failure> {
        let value = if attached.is_empty() {
            list.next()
        } else {
            Some(attached.to_vec())
        };
        let value = value.ok_or_else(|| {
            wrong("error:  must specify directory to which to extract with -d option")
        })?;
        self.directory = Some(os_string(value).into());
        Ok(())
    }

    /// What follows the archive.
    fn members(&mut self, list: &mut impl Iterator<Item = Vec<u8>>) -> Result<(), Failure> {
        let mut excludes = false;
        while let Some(word) = list.next() {
            if word == b"-x" {
                excludes = true;
            } else if let Some(attached) = word.strip_prefix(b"-d") {
                self.set_directory(attached, list)?;
            } else if excludes {
                self.excluded.push(word);
            } else {
                self.wanted.push(word);
            }
        }
        Ok(())
    }

    fn letter(&mut self, letter: u8) -> Result<(), Failure> {
        match letter {
            b'l' => self.action = Action::List,
            b'v' => self.action = Action::Verbose,
            b't' => self.action = Action::Test,
            b'p' => self.action = Action::Pipe,
            b'c' => self.action = Action::Print,
            b'z' => self.action = Action::Comment,
            b'T' => self.action = Action::Time,
            b'o' => self.overwrite = Overwrite::Always,
            b'n' => self.overwrite = Overwrite::Never,
            b'q' => self.quiet += 1,
            b'a' => self.text += 1,
            b'b' => self.text = 0,
            b'L' => self.lower_case += 1,
            b'D' => self.no_times += 1,
            b'j' => self.junk = true,
            b'u' => self.update = true,
            b'f' => self.freshen = true,
            b'C' => self.ignores_case = true,
            b'X' => self.owners = true,
            b'K' => self.set_id = true,
            b'B' => self.backups = true,
            b':' => self.climbs = true,
            // No pager, names are UTF-8, no versions of VMS, nothing of Macintosh, spaces stay.
            b'M' | b'U' | b'V' | b'W' | b'F' | b'J' | b's' | b'^' => {}
            _ => {
                let letter = char::from(letter);
                return Err(wrong(&format!("invalid option -- '{letter}'")));
            }
        }
        Ok(())
    }
}
