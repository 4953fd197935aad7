//! What a file is, and what is looked for to tell that.

/// What is looked for (`-e` leaves some out).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tests {
    pub json: bool,
    pub csv: bool,
    /// What begins in a certain way, or has certain words.
    pub magic: bool,
    /// What characters a text is of.
    pub text: bool,
    /// More of ELF than its header has.
    pub elf: bool,
    pub tar: bool,
}

impl Tests {
    pub const ALL: Self = Self {
        json: true,
        csv: true,
        magic: true,
        text: true,
        elf: true,
        tar: true,
    };

    /// Leaves a test out; nothing if there is none of that name.
    pub fn exclude(&mut self, name: &str) -> Option<()> {
        match name {
            "json" => self.json = false,
            "csv" => self.csv = false,
            "soft" => self.magic = false,
            "text" | "ascii" => self.text = false,
            "elf" => self.elf = false,
            "tar" => self.tar = false,
            "apptype" | "cdf" | "compress" | "encoding" | "tokens" => {}
            _ => return None,
        }
        Some(())
    }
}

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub text: String,
    /// Empty: what all texts or all other contents have.
    pub media: String,
    pub charset: &'static str,
}

impl Answer {
    pub fn binary(text: impl Into<String>, media: &str) -> Self {
        Self {
            text: text.into(),
            media: media.to_owned(),
            charset: "binary",
        }
    }

    /// What could not be looked at has the same words for all questions.
    pub fn failed(text: String) -> Self {
        Self {
            media: text.clone(),
            text,
            charset: "",
        }
    }
}
