//! References in client settings, in the forms of Kafka's own config providers: `${env:NAME}`, `${file:/path:key}` and
//! `${dir:/path:name}` (also `${directory:..}`). What they stand for is looked up by whoever may: this room opens nothing.

use super::read::logical_lines;

/// What a value refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference<'a> {
    /// A variable of the environment.
    Variable(&'a str),
    /// A key of a properties file.
    Property {
        /// The file.
        path: &'a str,
        /// The key.
        key: &'a str,
    },
    /// A whole file: a folder, and its name there.
    File {
        /// The folder.
        folder: &'a str,
        /// The name.
        name: &'a str,
    },
}

/// Looks a reference up: the value, or what is wrong in words that do not repeat it.
pub type Lookup<'a> = &'a dyn Fn(Reference<'_>) -> Result<String, String>;

/// The value of a key in the text of a properties file.
pub fn property(text: &str, key: &str) -> Option<String> {
    logical_lines(text).into_iter().find_map(|(_, line)| {
        let (found, value) = line.split_once(['=', ':'])?;
        (found.trim() == key).then(|| value.trim().to_owned())
    })
}

/// Puts what is referred to in the place of the references. What has the form of none stays as it is: passwords may.
pub(super) fn expand(value: &str, lookup: Lookup<'_>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = value;
    while let Some(at) = rest.find("${") {
        let Some(length) = rest[at..].find('}') else { break };
        let inside = &rest[at + 2..at + length];
        out.push_str(&rest[..at]);
        match reference(inside) {
            Some(reference) => {
                let found = lookup(reference);
                out += &found.map_err(|problem| format!("refers to `${{{inside}}}`: {problem}"))?;
            }
            None => out.push_str(&rest[at..=at + length]),
        }
        rest = &rest[at + length + 1..];
    }
    Ok(out + rest)
}

fn reference(inside: &str) -> Option<Reference<'_>> {
    let (provider, rest) = inside.split_once(':')?;
    // The last colon: a path may have some, a key has none.
    let parts = || rest.rsplit_once(':').filter(|(path, key)| !path.is_empty() && !key.is_empty());
    match provider {
        "env" => (!rest.is_empty()).then_some(Reference::Variable(rest)),
        "file" => parts().map(|(path, key)| Reference::Property { path, key }),
        "dir" | "directory" => parts().map(|(folder, name)| Reference::File { folder, name }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(reference: Reference<'_>) -> Result<String, String> {
        match reference {
            Reference::Variable("PASSWORD") => Ok("hunter2".to_owned()),
            Reference::Property { path: "/run/a.properties", key: "db.password" } => Ok("horse".to_owned()),
            Reference::File { folder: "/run/secrets", name: "kafka" } => Ok("battery".to_owned()),
            _ => Err("there is no such thing".to_owned()),
        }
    }

    #[test]
    fn references_are_replaced_and_all_else_stays() {
        let expanded = |value| expand(value, &lookup).expect("it is there");
        assert_eq!(expanded("${env:PASSWORD}"), "hunter2");
        assert_eq!(expanded("a${env:PASSWORD}-${file:/run/a.properties:db.password}"), "ahunter2-horse");
        assert_eq!(expanded("${dir:/run/secrets:kafka}${directory:/run/secrets:kafka}"), "batterybattery");
        for literal in ["", "$", "p${w", "${}", "${vault:x:y}", "${env:}", "${file:x}", "}${", "${file::k}"] {
            assert_eq!(expanded(literal), literal);
        }
        let problem = expand("x${env:NOBODY}", &lookup).expect_err("nobody set it");
        assert_eq!(problem, "refers to `${env:NOBODY}`: there is no such thing");
    }

    #[test]
    fn a_property_is_found_as_kafka_finds_it() {
        let text = "# secrets\na.password = x\\\n  y\ndb.password=p=w\nother: z";
        assert_eq!(property(text, "db.password").as_deref(), Some("p=w"));
        assert_eq!(property(text, "a.password").as_deref(), Some("xy"));
        assert_eq!(property(text, "other").as_deref(), Some("z"));
        assert_eq!(property(text, "password"), None);
    }
}
