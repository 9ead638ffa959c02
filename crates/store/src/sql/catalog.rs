//! What tables a database really has, as text: for the test that a fresh schema equals the sum of the
//! migrations, for `beffroi check`, and for copies of whole tables.

use base::Result;

use super::dialect::Dialect;
use super::schema::{self, Table};
use super::{Read, Store};

const SQLITE: &str = "
    SELECT 'column ' || m.name || '.' || c.name || ' ' || c.type || ' notnull=' || c.\"notnull\" || ' key=' || c.pk
           || ' default=' || coalesce(c.dflt_value, '')
      FROM sqlite_schema m, pragma_table_xinfo(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'
    UNION ALL
    SELECT m.type || ' ' || m.name || ' on ' || m.tbl_name || ' ' || coalesce(m.sql, '')
      FROM sqlite_schema m WHERE m.type IN ('index', 'trigger', 'view') AND m.name NOT LIKE 'sqlite_%'";
const POSTGRES: &str = "
    SELECT 'column ' || table_name || '.' || column_name || ' ' || data_type || ' null=' || is_nullable
           || ' default=' || coalesce(column_default, '')
           || ' prose=' || coalesce(col_description(format('%I', table_name)::regclass, ordinal_position), '')
      FROM information_schema.columns WHERE table_schema = current_schema()
    UNION ALL
    SELECT 'index ' || indexname || ' ' || indexdef FROM pg_indexes WHERE schemaname = current_schema()
    UNION ALL
    SELECT 'constraint ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
     WHERE connamespace = current_schema()::regnamespace
    UNION ALL
    SELECT 'trigger ' || tgname || ' ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL
    SELECT 'view ' || viewname || ' ' || definition FROM pg_views WHERE schemaname = current_schema()";

impl Read<'_> {
    /// Every column, index, constraint, trigger and view of the database, a line each, sorted. White space
    /// is folded and SQL comments are left out, since they differ with the way a table was made.
    pub fn catalog(&mut self) -> Result<Vec<String>> {
        let text = match self.dialect() {
            Dialect::Sqlite => SQLITE,
            Dialect::Postgres => POSTGRES,
        };
        let mut lines = self.query(text, [], |row| {
            let line = row.str(0)?;
            let bare: Vec<_> = line.lines().map(|l| l.split_once("-- ").map_or(l, |(sql, _)| sql)).collect();
            Ok(bare.join(" ").split_whitespace().collect::<Vec<_>>().join(" "))
        })?;
        lines.sort_unstable();
        Ok(lines)
    }
}

impl Store {
    /// The tables of all parts with their prose, in an order in which each refers only to those before it.
    pub fn tables(&self) -> Vec<(&'static str, Table)> {
        let dialect = self.dialect();
        self.parts()
            .iter()
            .flat_map(|part| {
                schema::tables(&dialect.section(part.schema)).into_iter().map(|table| (part.name, table))
            })
            .collect()
    }
}
