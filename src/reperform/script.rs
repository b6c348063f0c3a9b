//! A target's script.

use std::fmt::Write as _;

use super::FORMAT;
use super::canonical::{MOMENT, SECRET, SECRET_PATTERN};
use super::check::{Check, all, elsewhere};
use super::psql::{connect, embeddable, shown};
use crate::assessment::{Summary, TargetRecord};
use crate::escape::{self, sql_literal};
use crate::evidence::{SNAPSHOT, ServerIdentity};

/// How the snapshot is opened, with what psql needs besides so that literals are read as they were written.
const LIMITS: &str = "SET LOCAL standard_conforming_strings = on;
SET LOCAL statement_timeout = '5min';
SET LOCAL lock_timeout = '5s';
";

/// A look around in whatever database the script is in.
const BEFORE: &str = "\\encoding UTF8
BEGIN READ ONLY;
SET LOCAL standard_conforming_strings = on;
SET LOCAL search_path = pg_catalog, pg_temp;
";

/// The script, unless the target was never asked anything.
pub(super) fn of(summary: &Summary, target: &TargetRecord) -> Option<String> {
    let server = target.summary.server.as_ref()?;
    let checks = all(target);
    if checks.is_empty() {
        return None;
    }
    let mut script = opening(summary, target, server);
    recognise(&mut script, server);
    let mut number = 0;
    for block in checks.chunk_by(|left, right| left.database == right.database) {
        let Some(database) = block.first().map(|check| check.database) else {
            continue;
        };
        enter(&mut script, database);
        for check in block {
            number += 1;
            ask(&mut script, check, number);
        }
        let missing = block
            .iter()
            .map(|check| told(check, "the database is gone or closed to this role"));
        let _ = write!(
            script,
            "ROLLBACK;\n\\else\n{}\\endif\n\n",
            missing.collect::<String>()
        );
    }
    script.push_str("-- What no question gives, or not all of it.\n");
    for one in elsewhere(target) {
        let line = format!("{}  {}", one.name, one.reason);
        let _ = writeln!(script, "\\echo '-               ' {}", shown(&line));
    }
    let _ = write!(
        script,
        "\n\\set pgd_rest '?'\nSELECT {} - :pgd_match - :pgd_drift AS pgd_rest\n\\gset\n\
         \\echo\n\\echo finished: :pgd_match match, :pgd_drift drift, :pgd_rest not comparable\n",
        checks.len()
    );
    Some(script)
}

fn opening(summary: &Summary, target: &TargetRecord, server: &ServerIdentity) -> String {
    let line = |text: &str| escape::terminal(text).into_owned();
    let (bundle, id) = (line(&summary.id), line(&target.summary.id));
    let (role, database) = (line(&server.role), line(&server.database));
    // People copy this line into a shell.
    let plain = |name: &str| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
    };
    let (to_role, to_database) = (
        if plain(&role) { role.as_str() } else { "…" },
        if plain(&database) {
            database.as_str()
        } else {
            "…"
        },
    );
    format!(
        "{FORMAT}
-- Asks target {id} again what bundle {bundle} rests on, and compares with what was sealed.
--
--   psql -X -f kit/{id}.sql \"host=… port=… user={to_role} dbname={to_database}\"
--
-- Needs nothing but psql and the role that asked then ({role}); another role may be told other things, and then what
-- differs is not comparable. Everything runs in read-only transactions. Each question prints one line:
--   match           the answer has the digest of the sealed rows
--   drift           it has another one: something was changed since {as_of}
--   not comparable  it could not be asked, or says nothing, for the reason told
--   -               evidence that no question gives, or not all of it
-- Without the last line, `finished`, the script was cut off. Run it only when the bundle verifies and a replay of it
-- (`pgdossier replay`) has made this very script again: another one could do anything on your machine.
--
-- How an answer's digest is made: each row becomes the text of a jsonb object of its cells as texts, without what
-- differs each time; the digest is the SHA-256 of the sorted SHA-256s of those texts, one a line.

\\set QUIET on
\\set ECHO none
\\set AUTOCOMMIT on
\\set ON_ERROR_STOP off
\\set ON_ERROR_ROLLBACK on
\\set SINGLELINE off
\\set SINGLESTEP off
\\set FETCH_COUNT 0
\\timing off
\\pset pager off
\\set pgd_match 0
\\set pgd_drift 0
\\set pgd_same_role true
\\set pgd_other_server false
\\set pgd_other_version false
\\set pgd_other_part false
\\echo {title}

",
        as_of = summary.as_of.format("%Y-%m-%dT%H:%M:%SZ"),
        title = shown(&format!(
            "target {}, bundle {}",
            target.summary.id, summary.id
        )),
    )
}

/// Goes to a database and opens the snapshot, if the role may.
fn enter(script: &mut String, database: &str) {
    let _ = write!(
        script,
        "-- database {}\n\\set pgd_open false\n{BEFORE}\
         SELECT count(*) = 1 AS pgd_open FROM pg_database\n WHERE datname = {} AND datallowconn AND has_database_privilege(oid, 'CONNECT')\n\
         \\gset\nROLLBACK;\n\\if :pgd_open\n{}\n\\encoding UTF8\n",
        escape::terminal(database),
        sql_literal(database),
        connect(database)
    );
    for statement in SNAPSHOT {
        let _ = writeln!(script, "{statement};");
    }
    script.push_str(LIMITS);
    script.push('\n');
}

/// Whether it is the same server, version and role.
fn recognise(script: &mut String, server: &ServerIdentity) {
    let identifier = server.system_identifier.as_deref();
    let other_server = identifier.map_or_else(
        || "false".to_owned(),
        |known| {
            format!(
                "coalesce(CASE WHEN has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')\n            \
                 THEN (SELECT system_identifier::text FROM pg_control_system()) END <> {}, false)",
                sql_literal(known)
            )
        },
    );
    let _ = write!(
        script,
        "-- whether it is the same server, version and role\n{BEFORE}SELECT {other_server} AS pgd_other_server,\n       \
         CASE WHEN current_user::text = {role} THEN 'true' ELSE 'false' END AS pgd_same_role,\n       \
         current_setting('server_version_num')::int <> {version} AS pgd_other_version,\n       \
         pg_is_in_recovery() <> {standby} AS pgd_other_part\n\\gset\nROLLBACK;\n\
         \\if :pgd_other_server\n\\echo 'this is another server than the one that was assessed; nothing was compared'\n\\quit\n\\endif\n\
         \\if :pgd_same_role\n\\else\n\\echo {asked_as}\n\\endif\n\
         \\if :pgd_other_version\n\\echo {upgraded}\n\\endif\n\
         \\if :pgd_other_part\n\\echo 'note: it is a primary now and was a standby then, or the reverse'\n\\endif\n\n",
        role = sql_literal(&server.role),
        version = server.version_num,
        standby = server.standby,
        asked_as = shown(&format!(
            "note: the role that asked then was {}; another one may be told other things",
            server.role
        )),
        upgraded = shown(&format!(
            "note: the server was of version {} then",
            server.version_num
        )),
    );
}

/// A line for a check that is not carried out.
fn told(check: &Check<'_>, reason: &str) -> String {
    let line = format!("{}  {reason}", title(check));
    format!("\\echo 'not comparable  ' {}\n", shown(&line))
}

fn title(check: &Check<'_>) -> String {
    let names: Vec<&str> = check.names.iter().map(String::as_str).collect();
    format!("{} (database {})", names.join(", "), check.database)
}

/// Asks one question and prints how its answer compares.
fn ask(script: &mut String, check: &Check<'_>, number: usize) {
    let _ = writeln!(script, "-- {number}. {}", escape::terminal(&title(check)));
    for (columns, rows, reason) in &check.momentary {
        let (columns, values) = (columns.join(", "), rows.values.join(", "));
        let text = format!(
            "not compared: {columns} where {} is {values}: {reason}",
            rows.column
        );
        let _ = writeln!(script, "-- {}", escape::terminal(&text));
    }
    let reasons: Vec<String> = check
        .left_out
        .iter()
        .map(|(column, reason)| format!("{column}: {reason}"))
        .collect();
    let sql = match embeddable(check.sql) {
        Err(reason) => {
            script.push_str(&told(check, reason));
            script.push('\n');
            return;
        }
        Ok(_) if check.nothing_left => {
            script.push_str(&told(check, &reasons.join("; ")));
            script.push('\n');
            return;
        }
        Ok(sql) => sql,
    };
    let without = if reasons.is_empty() {
        String::new()
    } else {
        format!("; without {}", reasons.join("; "))
    };
    let _ = write!(
        script,
        "\\set pgd_answer 'not comparable  '\n\\set pgd_detail 'the question failed: see the message'\n\
         SELECT rpad(v.verdict, 16) AS pgd_answer,\n       \
         CASE v.verdict WHEN 'match' THEN f.rows || CASE f.rows WHEN 1 THEN ' row' ELSE ' rows' END\n            \
         WHEN 'drift' THEN {sealed} || f.rows || ' now'\n            \
         ELSE 'asked as another role, and the answer differs' END AS pgd_detail,\n       \
         :pgd_match + (v.verdict = 'match')::int AS pgd_match,\n       \
         :pgd_drift + (v.verdict = 'drift')::int AS pgd_drift\n  \
         FROM (SELECT count(*) AS rows,\n               \
         encode(sha256(convert_to(coalesce(string_agg(r.digest || chr(10), '' ORDER BY r.digest COLLATE \"C\"), ''), 'UTF8')), 'hex') AS digest\n          \
         FROM (SELECT encode(sha256(convert_to((\n                 \
         SELECT jsonb_object_agg(c.key, {cell})\n                   \
         FROM jsonb_each_text(to_jsonb(q)) AS c (key, value){compared})::text, 'UTF8')), 'hex') AS digest\n                  \
         FROM (\n{sql}\n) AS q) AS r) AS f\n \
         CROSS JOIN LATERAL (SELECT CASE WHEN f.digest = '{digest}' THEN 'match'\n                                  \
         WHEN :pgd_same_role THEN 'drift' ELSE 'not comparable' END AS verdict) AS v\n\
         \\gset\n\\echo :pgd_answer {title} :pgd_detail{without}\n\n",
        sealed = sql_literal(&format!("{} rows sealed, ", check.rows)),
        cell = cell(check),
        compared = compared(check),
        digest = check.sha256,
        title = shown(&title(check)),
        without = if without.is_empty() {
            String::new()
        } else {
            format!(" {}", shown(&without))
        },
    );
}

/// The text of one cell.
fn cell(check: &Check<'_>) -> String {
    let mut cell = "CASE".to_owned();
    for (columns, rows, _) in &check.momentary {
        let _ = write!(
            cell,
            " WHEN c.key = ANY ({}) AND to_jsonb(q) ->> {} = ANY ({}) THEN {}\n                   ",
            list(columns.iter()),
            sql_literal(&rows.column),
            list(rows.values.iter()),
            sql_literal(MOMENT)
        );
    }
    let _ = write!(
        cell,
        " WHEN c.value ~* {} THEN {} ELSE c.value END",
        sql_literal(SECRET_PATTERN),
        sql_literal(SECRET)
    );
    cell
}

/// Which columns are compared.
fn compared(check: &Check<'_>) -> String {
    if check.left_out.is_empty() {
        return String::new();
    }
    format!(
        "\n                  WHERE c.key <> ALL ({})",
        list(check.left_out.keys())
    )
}

fn list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.map(|name| sql_literal(name)).collect();
    format!("ARRAY[{}]", names.join(", "))
}
