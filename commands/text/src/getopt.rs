//! Command lines as `getopt_long(3)` reads them: short options in clusters, long ones also shortened,
//! operands anywhere.

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    No,
    Required,
    Optional,
}

/// A long option: its name, whether it takes an argument, and what stands for it.
pub type Long = (&'static str, Argument, char);

pub struct Grammar {
    /// As for `getopt(3)`: a letter, `:` behind it for an argument, `::` for an optional one.
    pub short: &'static str,
    pub long: &'static [Long],
    /// Operands end the options, as POSIX has it.
    pub in_order: bool,
}

#[derive(Debug)]
pub struct Parsed {
    /// Each option by its letter, with its argument, in order.
    pub options: Vec<(char, Option<Vec<u8>>)>,
    pub operands: Vec<Vec<u8>>,
}

impl Grammar {
    fn short(&self, letter: char) -> Option<Argument> {
        let at = self.short.find(letter).filter(|_| letter != ':')?;
        let rest = &self.short[at + letter.len_utf8()..];
        Some(if rest.starts_with("::") {
            Argument::Optional
        } else if rest.starts_with(':') {
            Argument::Required
        } else {
            Argument::No
        })
    }

    /// Parses, or says what is wrong in `getopt_long`'s words.
    pub fn parse(&self, arguments: Vec<Vec<u8>>) -> Result<Parsed, String> {
        let mut parsed = Parsed {
            options: Vec::new(),
            operands: Vec::new(),
        };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            if argument == b"--" {
                parsed.operands.extend(arguments);
                break;
            }
            if let Some(long) = argument.strip_prefix(b"--") {
                let option = self.long_option(long, &mut arguments)?;
                parsed.options.push(option);
            } else if argument.len() > 1 && argument[0] == b'-' {
                self.cluster(&argument[1..], &mut arguments, &mut parsed)?;
            } else {
                parsed.operands.push(argument);
                if self.in_order {
                    parsed.operands.extend(arguments);
                    break;
                }
            }
        }
        Ok(parsed)
    }

    fn cluster(
        &self,
        mut letters: &[u8],
        arguments: &mut impl Iterator<Item = Vec<u8>>,
        parsed: &mut Parsed,
    ) -> Result<(), String> {
        while let Some((&letter, rest)) = letters.split_first() {
            let letter = char::from(letter);
            let kind = self
                .short(letter)
                .ok_or_else(|| format!("invalid option -- '{letter}'"))?;
            let value = match kind {
                Argument::No => {
                    parsed.options.push((letter, None));
                    letters = rest;
                    continue;
                }
                Argument::Optional if rest.is_empty() => None,
                Argument::Required if rest.is_empty() => Some(
                    arguments
                        .next()
                        .ok_or_else(|| format!("option requires an argument -- '{letter}'"))?,
                ),
                _ => Some(rest.to_vec()),
            };
            parsed.options.push((letter, value));
            break;
        }
        Ok(())
    }

    fn long_option(
        &self,
        text: &[u8],
        arguments: &mut impl Iterator<Item = Vec<u8>>,
    ) -> Result<(char, Option<Vec<u8>>), String> {
        let (name, value) = match text.iter().position(|&byte| byte == b'=') {
            Some(at) => (&text[..at], Some(text[at + 1..].to_vec())),
            None => (text, None),
        };
        let name = String::from_utf8_lossy(name).into_owned();
        let exact = self.long.iter().find(|(long, ..)| *long == name);
        let (long, kind, letter) = match exact {
            Some(found) => *found,
            None => self.abbreviation(&name)?,
        };
        let value = match (kind, value) {
            (Argument::No, Some(_)) => {
                return Err(format!("option '--{long}' doesn't allow an argument"));
            }
            (Argument::Required, None) => Some(
                arguments
                    .next()
                    .ok_or_else(|| format!("option '--{long}' requires an argument"))?,
            ),
            (_, value) => value,
        };
        Ok((letter, value))
    }

    fn abbreviation(&self, name: &str) -> Result<Long, String> {
        let mut found = self.long.iter().filter(|(long, ..)| long.starts_with(name));
        let first = found
            .next()
            .ok_or_else(|| format!("unrecognized option '--{name}'"))?;
        if found.any(|other| other.2 != first.2) {
            return Err(format!("option '--{name}' is ambiguous"));
        }
        Ok(*first)
    }
}
