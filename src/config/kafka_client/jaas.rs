//! Reads `sasl.jaas.config` of Java's clients, for the two usual login modules.

use secrecy::SecretString;

/// What a JAAS line says.
pub(super) struct Login {
    /// Whether it is the module of PLAIN, not that of SCRAM.
    pub(super) is_plain: bool,
    /// The user.
    pub(super) username: String,
    /// The password.
    pub(super) password: SecretString,
}

/// Reads `...ScramLoginModule required username="u" password="p";`. Errors never repeat what stands in quotes.
pub(super) fn parse(text: &str) -> Result<Login, String> {
    let body = text.trim();
    let body = body.strip_suffix(';').ok_or("does not end with `;`")?;
    let (module, rest) = body.split_once(char::is_whitespace).ok_or("names no login module")?;
    let is_plain = match module.rsplit('.').next() {
        Some("PlainLoginModule") => true,
        Some("ScramLoginModule") => false,
        _ => return Err("names a login module other than PlainLoginModule and ScramLoginModule".to_owned()),
    };
    let rest = rest.trim_start();
    let rest = rest.strip_prefix("required").ok_or("lacks the word `required` after the login module")?;
    let (mut username, mut password) = (None, None);
    for (name, value) in options(rest)? {
        match name.as_str() {
            "username" => username = Some(value),
            "password" => password = Some(SecretString::from(value)),
            "tokenauth" if value == "true" => {
                return Err("asks for a delegation token, which is not supported".to_owned());
            }
            _ => {}
        }
    }
    Ok(Login {
        is_plain,
        username: username.ok_or("holds no `username=\"..\"`")?,
        password: password.ok_or("holds no `password=\"..\"`")?,
    })
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
