//! Reads `sasl.jaas.config` of Java's clients, for the usual login modules.

use std::collections::BTreeMap;

/// The login modules that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Module {
    Plain,
    Scram,
    OauthBearer,
    MskIam,
}

/// What a JAAS line says. Not to be printed: its options hold secrets.
pub(super) struct Jaas {
    /// The login module.
    pub(super) module: Module,
    options: BTreeMap<String, String>,
}

impl Jaas {
    /// A line without options.
    pub(super) fn empty(module: Module) -> Self {
        Self { module, options: BTreeMap::new() }
    }

    /// Takes an option out.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.options.remove(name)
    }

    /// The names of the options that nobody took out.
    pub(super) fn left(&self) -> impl Iterator<Item = &str> {
        self.options.keys().map(String::as_str)
    }

    /// Takes all options out whose names begin so; the names without that.
    pub(super) fn take_prefixed(&mut self, prefix: &str) -> Vec<(String, String)> {
        let (taken, kept) = std::mem::take(&mut self.options)
            .into_iter()
            .partition::<BTreeMap<_, _>, _>(|(name, _)| name.starts_with(prefix));
        self.options = kept;
        taken.into_iter().map(|(name, value)| (name[prefix.len()..].to_owned(), value)).collect()
    }
}

/// Reads `...ScramLoginModule required username="u" password="p";`. Errors never repeat what stands in quotes.
pub(super) fn parse(text: &str) -> Result<Jaas, String> {
    let body = text.trim();
    let body = body.strip_suffix(';').ok_or("does not end with `;`")?;
    let (module, rest) = body.split_once(char::is_whitespace).ok_or("names no login module")?;
    let module = match module.rsplit('.').next() {
        Some("PlainLoginModule") => Module::Plain,
        Some("ScramLoginModule") => Module::Scram,
        Some("OAuthBearerLoginModule") => Module::OauthBearer,
        Some("IAMLoginModule") => Module::MskIam,
        _ => {
            let known = "PlainLoginModule, ScramLoginModule, OAuthBearerLoginModule and IAMLoginModule";
            return Err(format!("names a login module other than {known}"));
        }
    };
    let rest = rest.trim_start();
    let rest = rest.strip_prefix("required").ok_or("lacks the word `required` after the login module")?;
    Ok(Jaas { module, options: options(rest)?.into_iter().collect() })
}

/// Reads `name="value"` pairs; a backslash keeps the character after it.
fn options(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut options = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        let mut name = String::new();
        while let Some(c) = chars.next_if(|c| *c != '=') {
            name.push(c);
        }
        if name.trim().is_empty() {
            return if chars.peek().is_none() {
                Ok(options)
            } else {
                Err("holds an option without a name".to_owned())
            };
        }
        let open = (chars.next(), chars.next());
        let Some(quote @ ('"' | '\'')) = open.1 else {
            return Err("holds an option that is not of the form `name=\"value\"`".to_owned());
        };
        let mut value = String::new();
        loop {
            match chars.next() {
                Some(c) if c == quote => break,
                Some('\\') => value.extend(chars.next()),
                Some(c) => value.push(c),
                None => return Err("has a quote that is not closed".to_owned()),
            }
        }
        options.push((name.trim().to_owned(), value));
    }
}
