-- Triggers that note what others change: a row that is new with revision 0, that changes while its revision
-- stands, or that goes while its revision is not negative. Secrets are not shown.
--- sqlite
CREATE TRIGGER organisation_added_by_sql AFTER INSERT ON organisation WHEN NEW.revision = 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.id, 'organisation', NEW.id, 'insert', '');
END;
CREATE TRIGGER organisation_changed_by_sql AFTER UPDATE ON organisation WHEN NEW.revision = OLD.revision BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.id, 'organisation', NEW.id, 'update', concat_ws('; ',
        CASE WHEN OLD.account_id IS DISTINCT FROM NEW.account_id THEN 'account_id: ' || coalesce(OLD.account_id, 'none') || ' -> ' || coalesce(NEW.account_id, 'none') END,
        CASE WHEN OLD.created_at IS DISTINCT FROM NEW.created_at THEN 'created_at: ' || coalesce(OLD.created_at, 'none') || ' -> ' || coalesce(NEW.created_at, 'none') END,
        CASE WHEN OLD.default_class_id IS DISTINCT FROM NEW.default_class_id THEN 'default_class_id: ' || coalesce(OLD.default_class_id, 'none') || ' -> ' || coalesce(NEW.default_class_id, 'none') END,
        CASE WHEN OLD.display_name IS DISTINCT FROM NEW.display_name THEN 'display_name: ' || coalesce(OLD.display_name, 'none') || ' -> ' || coalesce(NEW.display_name, 'none') END,
        CASE WHEN OLD.holds_addresses IS DISTINCT FROM NEW.holds_addresses THEN 'holds_addresses: ' || coalesce(OLD.holds_addresses, 'none') || ' -> ' || coalesce(NEW.holds_addresses, 'none') END,
        CASE WHEN OLD.id IS DISTINCT FROM NEW.id THEN 'id: ' || coalesce(OLD.id, 'none') || ' -> ' || coalesce(NEW.id, 'none') END,
        CASE WHEN OLD.max_people IS DISTINCT FROM NEW.max_people THEN 'max_people: ' || coalesce(OLD.max_people, 'none') || ' -> ' || coalesce(NEW.max_people, 'none') END,
        CASE WHEN OLD.max_quota_bytes IS DISTINCT FROM NEW.max_quota_bytes THEN 'max_quota_bytes: ' || coalesce(OLD.max_quota_bytes, 'none') || ' -> ' || coalesce(NEW.max_quota_bytes, 'none') END,
        CASE WHEN OLD.name IS DISTINCT FROM NEW.name THEN 'name: ' || coalesce(OLD.name, 'none') || ' -> ' || coalesce(NEW.name, 'none') END,
        CASE WHEN OLD.note IS DISTINCT FROM NEW.note THEN 'note: ' || coalesce(OLD.note, 'none') || ' -> ' || coalesce(NEW.note, 'none') END,
        CASE WHEN OLD.pre_delete_days IS DISTINCT FROM NEW.pre_delete_days THEN 'pre_delete_days: ' || coalesce(OLD.pre_delete_days, 'none') || ' -> ' || coalesce(NEW.pre_delete_days, 'none') END,
        CASE WHEN OLD.state IS DISTINCT FROM NEW.state THEN 'state: ' || coalesce(OLD.state, 'none') || ' -> ' || coalesce(NEW.state, 'none') END));
END;
CREATE TRIGGER organisation_removed_by_sql AFTER DELETE ON organisation WHEN OLD.revision >= 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (OLD.id, 'organisation', OLD.id, 'delete', '');
END;
CREATE TRIGGER class_of_service_added_by_sql AFTER INSERT ON class_of_service WHEN NEW.revision = 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'class_of_service', NEW.organisation_id || '/' || NEW.id, 'insert', '');
END;
CREATE TRIGGER class_of_service_changed_by_sql AFTER UPDATE ON class_of_service WHEN NEW.revision = OLD.revision BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'class_of_service', NEW.organisation_id || '/' || NEW.id, 'update', concat_ws('; ',
        CASE WHEN OLD.calendar IS DISTINCT FROM NEW.calendar THEN 'calendar: ' || coalesce(OLD.calendar, 'none') || ' -> ' || coalesce(NEW.calendar, 'none') END,
        CASE WHEN OLD.contacts IS DISTINCT FROM NEW.contacts THEN 'contacts: ' || coalesce(OLD.contacts, 'none') || ' -> ' || coalesce(NEW.contacts, 'none') END,
        CASE WHEN OLD.crm IS DISTINCT FROM NEW.crm THEN 'crm: ' || coalesce(OLD.crm, 'none') || ' -> ' || coalesce(NEW.crm, 'none') END,
        CASE WHEN OLD.dav IS DISTINCT FROM NEW.dav THEN 'dav: ' || coalesce(OLD.dav, 'none') || ' -> ' || coalesce(NEW.dav, 'none') END,
        CASE WHEN OLD.files IS DISTINCT FROM NEW.files THEN 'files: ' || coalesce(OLD.files, 'none') || ' -> ' || coalesce(NEW.files, 'none') END,
        CASE WHEN OLD.forward_outside IS DISTINCT FROM NEW.forward_outside THEN 'forward_outside: ' || coalesce(OLD.forward_outside, 'none') || ' -> ' || coalesce(NEW.forward_outside, 'none') END,
        CASE WHEN OLD.id IS DISTINCT FROM NEW.id THEN 'id: ' || coalesce(OLD.id, 'none') || ' -> ' || coalesce(NEW.id, 'none') END,
        CASE WHEN OLD.imap IS DISTINCT FROM NEW.imap THEN 'imap: ' || coalesce(OLD.imap, 'none') || ' -> ' || coalesce(NEW.imap, 'none') END,
        CASE WHEN OLD.max_aliases IS DISTINCT FROM NEW.max_aliases THEN 'max_aliases: ' || coalesce(OLD.max_aliases, 'none') || ' -> ' || coalesce(NEW.max_aliases, 'none') END,
        CASE WHEN OLD.max_message_bytes IS DISTINCT FROM NEW.max_message_bytes THEN 'max_message_bytes: ' || coalesce(OLD.max_message_bytes, 'none') || ' -> ' || coalesce(NEW.max_message_bytes, 'none') END,
        CASE WHEN OLD.mobile IS DISTINCT FROM NEW.mobile THEN 'mobile: ' || coalesce(OLD.mobile, 'none') || ' -> ' || coalesce(NEW.mobile, 'none') END,
        CASE WHEN OLD.name IS DISTINCT FROM NEW.name THEN 'name: ' || coalesce(OLD.name, 'none') || ' -> ' || coalesce(NEW.name, 'none') END,
        CASE WHEN OLD.note IS DISTINCT FROM NEW.note THEN 'note: ' || coalesce(OLD.note, 'none') || ' -> ' || coalesce(NEW.note, 'none') END,
        CASE WHEN OLD.organisation_id IS DISTINCT FROM NEW.organisation_id THEN 'organisation_id: ' || coalesce(OLD.organisation_id, 'none') || ' -> ' || coalesce(NEW.organisation_id, 'none') END,
        CASE WHEN OLD.pop3 IS DISTINCT FROM NEW.pop3 THEN 'pop3: ' || coalesce(OLD.pop3, 'none') || ' -> ' || coalesce(NEW.pop3, 'none') END,
        CASE WHEN OLD.price_cents IS DISTINCT FROM NEW.price_cents THEN 'price_cents: ' || coalesce(OLD.price_cents, 'none') || ' -> ' || coalesce(NEW.price_cents, 'none') END,
        CASE WHEN OLD.quota_bytes IS DISTINCT FROM NEW.quota_bytes THEN 'quota_bytes: ' || coalesce(OLD.quota_bytes, 'none') || ' -> ' || coalesce(NEW.quota_bytes, 'none') END,
        CASE WHEN OLD.retention_days IS DISTINCT FROM NEW.retention_days THEN 'retention_days: ' || coalesce(OLD.retention_days, 'none') || ' -> ' || coalesce(NEW.retention_days, 'none') END,
        CASE WHEN OLD.sieve IS DISTINCT FROM NEW.sieve THEN 'sieve: ' || coalesce(OLD.sieve, 'none') || ' -> ' || coalesce(NEW.sieve, 'none') END,
        CASE WHEN OLD.submission IS DISTINCT FROM NEW.submission THEN 'submission: ' || coalesce(OLD.submission, 'none') || ' -> ' || coalesce(NEW.submission, 'none') END,
        CASE WHEN OLD.webmail IS DISTINCT FROM NEW.webmail THEN 'webmail: ' || coalesce(OLD.webmail, 'none') || ' -> ' || coalesce(NEW.webmail, 'none') END));
END;
CREATE TRIGGER class_of_service_removed_by_sql AFTER DELETE ON class_of_service WHEN OLD.revision >= 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (OLD.organisation_id, 'class_of_service', OLD.organisation_id || '/' || OLD.id, 'delete', '');
END;
CREATE TRIGGER unit_added_by_sql AFTER INSERT ON unit WHEN NEW.revision = 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'unit', NEW.organisation_id || '/' || NEW.id, 'insert', '');
END;
CREATE TRIGGER unit_changed_by_sql AFTER UPDATE ON unit WHEN NEW.revision = OLD.revision BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'unit', NEW.organisation_id || '/' || NEW.id, 'update', concat_ws('; ',
        CASE WHEN OLD.external_id IS DISTINCT FROM NEW.external_id THEN 'external_id: ' || coalesce(OLD.external_id, 'none') || ' -> ' || coalesce(NEW.external_id, 'none') END,
        CASE WHEN OLD.id IS DISTINCT FROM NEW.id THEN 'id: ' || coalesce(OLD.id, 'none') || ' -> ' || coalesce(NEW.id, 'none') END,
        CASE WHEN OLD.name IS DISTINCT FROM NEW.name THEN 'name: ' || coalesce(OLD.name, 'none') || ' -> ' || coalesce(NEW.name, 'none') END,
        CASE WHEN OLD.organisation_id IS DISTINCT FROM NEW.organisation_id THEN 'organisation_id: ' || coalesce(OLD.organisation_id, 'none') || ' -> ' || coalesce(NEW.organisation_id, 'none') END,
        CASE WHEN OLD.parent_id IS DISTINCT FROM NEW.parent_id THEN 'parent_id: ' || coalesce(OLD.parent_id, 'none') || ' -> ' || coalesce(NEW.parent_id, 'none') END));
END;
CREATE TRIGGER unit_removed_by_sql AFTER DELETE ON unit WHEN OLD.revision >= 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (OLD.organisation_id, 'unit', OLD.organisation_id || '/' || OLD.id, 'delete', '');
END;
CREATE TRIGGER domain_added_by_sql AFTER INSERT ON domain WHEN NEW.revision = 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'domain', NEW.organisation_id || '/' || NEW.id, 'insert', '');
END;
CREATE TRIGGER domain_changed_by_sql AFTER UPDATE ON domain WHEN NEW.revision = OLD.revision BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'domain', NEW.organisation_id || '/' || NEW.id, 'update', concat_ws('; ',
        CASE WHEN OLD.alias_of_id IS DISTINCT FROM NEW.alias_of_id THEN 'alias_of_id: ' || coalesce(OLD.alias_of_id, 'none') || ' -> ' || coalesce(NEW.alias_of_id, 'none') END,
        CASE WHEN OLD.catch_all_id IS DISTINCT FROM NEW.catch_all_id THEN 'catch_all_id: ' || coalesce(OLD.catch_all_id, 'none') || ' -> ' || coalesce(NEW.catch_all_id, 'none') END,
        CASE WHEN OLD.created_at IS DISTINCT FROM NEW.created_at THEN 'created_at: ' || coalesce(OLD.created_at, 'none') || ' -> ' || coalesce(NEW.created_at, 'none') END,
        CASE WHEN OLD.default_class_id IS DISTINCT FROM NEW.default_class_id THEN 'default_class_id: ' || coalesce(OLD.default_class_id, 'none') || ' -> ' || coalesce(NEW.default_class_id, 'none') END,
        CASE WHEN OLD.detail_separator IS DISTINCT FROM NEW.detail_separator THEN 'detail_separator: ' || coalesce(OLD.detail_separator, 'none') || ' -> ' || coalesce(NEW.detail_separator, 'none') END,
        CASE WHEN OLD.id IS DISTINCT FROM NEW.id THEN 'id: ' || coalesce(OLD.id, 'none') || ' -> ' || coalesce(NEW.id, 'none') END,
        CASE WHEN OLD.max_people IS DISTINCT FROM NEW.max_people THEN 'max_people: ' || coalesce(OLD.max_people, 'none') || ' -> ' || coalesce(NEW.max_people, 'none') END,
        CASE WHEN OLD.max_quota_bytes IS DISTINCT FROM NEW.max_quota_bytes THEN 'max_quota_bytes: ' || coalesce(OLD.max_quota_bytes, 'none') || ' -> ' || coalesce(NEW.max_quota_bytes, 'none') END,
        CASE WHEN OLD.name IS DISTINCT FROM NEW.name THEN 'name: ' || coalesce(OLD.name, 'none') || ' -> ' || coalesce(NEW.name, 'none') END,
        CASE WHEN OLD.note IS DISTINCT FROM NEW.note THEN 'note: ' || coalesce(OLD.note, 'none') || ' -> ' || coalesce(NEW.note, 'none') END,
        CASE WHEN OLD.organisation_id IS DISTINCT FROM NEW.organisation_id THEN 'organisation_id: ' || coalesce(OLD.organisation_id, 'none') || ' -> ' || coalesce(NEW.organisation_id, 'none') END,
        CASE WHEN OLD.password_days IS DISTINCT FROM NEW.password_days THEN 'password_days: ' || coalesce(OLD.password_days, 'none') || ' -> ' || coalesce(NEW.password_days, 'none') END,
        CASE WHEN OLD.relay_host IS DISTINCT FROM NEW.relay_host THEN 'relay_host: ' || coalesce(OLD.relay_host, 'none') || ' -> ' || coalesce(NEW.relay_host, 'none') END,
        CASE WHEN OLD.state IS DISTINCT FROM NEW.state THEN 'state: ' || coalesce(OLD.state, 'none') || ' -> ' || coalesce(NEW.state, 'none') END));
END;
CREATE TRIGGER domain_removed_by_sql AFTER DELETE ON domain WHEN OLD.revision >= 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (OLD.organisation_id, 'domain', OLD.organisation_id || '/' || OLD.id, 'delete', '');
END;
CREATE TRIGGER entry_added_by_sql AFTER INSERT ON entry WHEN NEW.revision = 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'entry', NEW.account_id, 'insert', '');
END;
CREATE TRIGGER entry_changed_by_sql AFTER UPDATE ON entry WHEN NEW.revision = OLD.revision BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'entry', NEW.account_id, 'update', concat_ws('; ',
        CASE WHEN OLD.account_id IS DISTINCT FROM NEW.account_id THEN 'account_id: ' || coalesce(OLD.account_id, 'none') || ' -> ' || coalesce(NEW.account_id, 'none') END,
        CASE WHEN OLD.address IS DISTINCT FROM NEW.address THEN 'address: ' || coalesce(OLD.address, 'none') || ' -> ' || coalesce(NEW.address, 'none') END,
        CASE WHEN OLD.class_id IS DISTINCT FROM NEW.class_id THEN 'class_id: ' || coalesce(OLD.class_id, 'none') || ' -> ' || coalesce(NEW.class_id, 'none') END,
        CASE WHEN OLD.close_at IS DISTINCT FROM NEW.close_at THEN 'close_at: ' || coalesce(OLD.close_at, 'none') || ' -> ' || coalesce(NEW.close_at, 'none') END,
        CASE WHEN OLD.created_at IS DISTINCT FROM NEW.created_at THEN 'created_at: ' || coalesce(OLD.created_at, 'none') || ' -> ' || coalesce(NEW.created_at, 'none') END,
        CASE WHEN OLD.domain_id IS DISTINCT FROM NEW.domain_id THEN 'domain_id: ' || coalesce(OLD.domain_id, 'none') || ' -> ' || coalesce(NEW.domain_id, 'none') END,
        CASE WHEN OLD.external_id IS DISTINCT FROM NEW.external_id THEN 'external_id: ' || coalesce(OLD.external_id, 'none') || ' -> ' || coalesce(NEW.external_id, 'none') END,
        CASE WHEN OLD.hidden IS DISTINCT FROM NEW.hidden THEN 'hidden: ' || coalesce(OLD.hidden, 'none') || ' -> ' || coalesce(NEW.hidden, 'none') END,
        CASE WHEN OLD.keeps_copy IS DISTINCT FROM NEW.keeps_copy THEN 'keeps_copy: ' || coalesce(OLD.keeps_copy, 'none') || ' -> ' || coalesce(NEW.keeps_copy, 'none') END,
        CASE WHEN OLD.kind IS DISTINCT FROM NEW.kind THEN 'kind: ' || coalesce(OLD.kind, 'none') || ' -> ' || coalesce(NEW.kind, 'none') END,
        CASE WHEN OLD.name IS DISTINCT FROM NEW.name THEN 'name: ' || coalesce(OLD.name, 'none') || ' -> ' || coalesce(NEW.name, 'none') END,
        CASE WHEN OLD.note IS DISTINCT FROM NEW.note THEN 'note: ' || coalesce(OLD.note, 'none') || ' -> ' || coalesce(NEW.note, 'none') END,
        CASE WHEN OLD.organisation_id IS DISTINCT FROM NEW.organisation_id THEN 'organisation_id: ' || coalesce(OLD.organisation_id, 'none') || ' -> ' || coalesce(NEW.organisation_id, 'none') END,
        CASE WHEN OLD.purge_at IS DISTINCT FROM NEW.purge_at THEN 'purge_at: ' || coalesce(OLD.purge_at, 'none') || ' -> ' || coalesce(NEW.purge_at, 'none') END,
        CASE WHEN OLD.quota_bytes IS DISTINCT FROM NEW.quota_bytes THEN 'quota_bytes: ' || coalesce(OLD.quota_bytes, 'none') || ' -> ' || coalesce(NEW.quota_bytes, 'none') END,
        CASE WHEN OLD.source IS DISTINCT FROM NEW.source THEN 'source: ' || coalesce(OLD.source, 'none') || ' -> ' || coalesce(NEW.source, 'none') END,
        CASE WHEN OLD.state IS DISTINCT FROM NEW.state THEN 'state: ' || coalesce(OLD.state, 'none') || ' -> ' || coalesce(NEW.state, 'none') END,
        CASE WHEN OLD.state_before IS DISTINCT FROM NEW.state_before THEN 'state_before: ' || coalesce(OLD.state_before, 'none') || ' -> ' || coalesce(NEW.state_before, 'none') END,
        CASE WHEN OLD.state_changed_at IS DISTINCT FROM NEW.state_changed_at THEN 'state_changed_at: ' || coalesce(OLD.state_changed_at, 'none') || ' -> ' || coalesce(NEW.state_changed_at, 'none') END,
        CASE WHEN OLD.unit_id IS DISTINCT FROM NEW.unit_id THEN 'unit_id: ' || coalesce(OLD.unit_id, 'none') || ' -> ' || coalesce(NEW.unit_id, 'none') END));
END;
CREATE TRIGGER entry_removed_by_sql AFTER DELETE ON entry WHEN OLD.revision >= 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (OLD.organisation_id, 'entry', OLD.account_id, 'delete', '');
END;
CREATE TRIGGER person_added_by_sql AFTER INSERT ON person WHEN NEW.revision = 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'person', NEW.account_id, 'insert', '');
END;
CREATE TRIGGER person_changed_by_sql AFTER UPDATE ON person WHEN NEW.revision = OLD.revision BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'person', NEW.account_id, 'update', concat_ws('; ',
        CASE WHEN OLD.account_id IS DISTINCT FROM NEW.account_id THEN 'account_id: ' || coalesce(OLD.account_id, 'none') || ' -> ' || coalesce(NEW.account_id, 'none') END,
        CASE WHEN OLD.family_name IS DISTINCT FROM NEW.family_name THEN 'family_name: ' || coalesce(OLD.family_name, 'none') || ' -> ' || coalesce(NEW.family_name, 'none') END,
        CASE WHEN OLD.given_name IS DISTINCT FROM NEW.given_name THEN 'given_name: ' || coalesce(OLD.given_name, 'none') || ' -> ' || coalesce(NEW.given_name, 'none') END,
        CASE WHEN OLD.language IS DISTINCT FROM NEW.language THEN 'language: ' || coalesce(OLD.language, 'none') || ' -> ' || coalesce(NEW.language, 'none') END,
        CASE WHEN OLD.organisation_id IS DISTINCT FROM NEW.organisation_id THEN 'organisation_id: ' || coalesce(OLD.organisation_id, 'none') || ' -> ' || coalesce(NEW.organisation_id, 'none') END,
        CASE WHEN OLD.telephone IS DISTINCT FROM NEW.telephone THEN 'telephone: ' || coalesce(OLD.telephone, 'none') || ' -> ' || coalesce(NEW.telephone, 'none') END,
        CASE WHEN OLD.time_zone IS DISTINCT FROM NEW.time_zone THEN 'time_zone: ' || coalesce(OLD.time_zone, 'none') || ' -> ' || coalesce(NEW.time_zone, 'none') END,
        CASE WHEN OLD.title IS DISTINCT FROM NEW.title THEN 'title: ' || coalesce(OLD.title, 'none') || ' -> ' || coalesce(NEW.title, 'none') END));
END;
CREATE TRIGGER person_removed_by_sql AFTER DELETE ON person WHEN OLD.revision >= 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (OLD.organisation_id, 'person', OLD.account_id, 'delete', '');
END;
CREATE TRIGGER team_added_by_sql AFTER INSERT ON team WHEN NEW.revision = 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'team', NEW.account_id, 'insert', '');
END;
CREATE TRIGGER team_changed_by_sql AFTER UPDATE ON team WHEN NEW.revision = OLD.revision BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'team', NEW.account_id, 'update', concat_ws('; ',
        CASE WHEN OLD.account_id IS DISTINCT FROM NEW.account_id THEN 'account_id: ' || coalesce(OLD.account_id, 'none') || ' -> ' || coalesce(NEW.account_id, 'none') END,
        CASE WHEN OLD.description IS DISTINCT FROM NEW.description THEN 'description: ' || coalesce(OLD.description, 'none') || ' -> ' || coalesce(NEW.description, 'none') END,
        CASE WHEN OLD.max_message_bytes IS DISTINCT FROM NEW.max_message_bytes THEN 'max_message_bytes: ' || coalesce(OLD.max_message_bytes, 'none') || ' -> ' || coalesce(NEW.max_message_bytes, 'none') END,
        CASE WHEN OLD.organisation_id IS DISTINCT FROM NEW.organisation_id THEN 'organisation_id: ' || coalesce(OLD.organisation_id, 'none') || ' -> ' || coalesce(NEW.organisation_id, 'none') END,
        CASE WHEN OLD.posting IS DISTINCT FROM NEW.posting THEN 'posting: ' || coalesce(OLD.posting, 'none') || ' -> ' || coalesce(NEW.posting, 'none') END,
        CASE WHEN OLD.reply_to IS DISTINCT FROM NEW.reply_to THEN 'reply_to: ' || coalesce(OLD.reply_to, 'none') || ' -> ' || coalesce(NEW.reply_to, 'none') END,
        CASE WHEN OLD.subject_prefix IS DISTINCT FROM NEW.subject_prefix THEN 'subject_prefix: ' || coalesce(OLD.subject_prefix, 'none') || ' -> ' || coalesce(NEW.subject_prefix, 'none') END));
END;
CREATE TRIGGER team_removed_by_sql AFTER DELETE ON team WHEN OLD.revision >= 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (OLD.organisation_id, 'team', OLD.account_id, 'delete', '');
END;
CREATE TRIGGER resource_added_by_sql AFTER INSERT ON resource WHEN NEW.revision = 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'resource', NEW.account_id, 'insert', '');
END;
CREATE TRIGGER resource_changed_by_sql AFTER UPDATE ON resource WHEN NEW.revision = OLD.revision BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'resource', NEW.account_id, 'update', concat_ws('; ',
        CASE WHEN OLD.account_id IS DISTINCT FROM NEW.account_id THEN 'account_id: ' || coalesce(OLD.account_id, 'none') || ' -> ' || coalesce(NEW.account_id, 'none') END,
        CASE WHEN OLD.booking IS DISTINCT FROM NEW.booking THEN 'booking: ' || coalesce(OLD.booking, 'none') || ' -> ' || coalesce(NEW.booking, 'none') END,
        CASE WHEN OLD.capacity IS DISTINCT FROM NEW.capacity THEN 'capacity: ' || coalesce(OLD.capacity, 'none') || ' -> ' || coalesce(NEW.capacity, 'none') END,
        CASE WHEN OLD.description IS DISTINCT FROM NEW.description THEN 'description: ' || coalesce(OLD.description, 'none') || ' -> ' || coalesce(NEW.description, 'none') END,
        CASE WHEN OLD.horizon_days IS DISTINCT FROM NEW.horizon_days THEN 'horizon_days: ' || coalesce(OLD.horizon_days, 'none') || ' -> ' || coalesce(NEW.horizon_days, 'none') END,
        CASE WHEN OLD.location IS DISTINCT FROM NEW.location THEN 'location: ' || coalesce(OLD.location, 'none') || ' -> ' || coalesce(NEW.location, 'none') END,
        CASE WHEN OLD.manager_id IS DISTINCT FROM NEW.manager_id THEN 'manager_id: ' || coalesce(OLD.manager_id, 'none') || ' -> ' || coalesce(NEW.manager_id, 'none') END,
        CASE WHEN OLD.max_minutes IS DISTINCT FROM NEW.max_minutes THEN 'max_minutes: ' || coalesce(OLD.max_minutes, 'none') || ' -> ' || coalesce(NEW.max_minutes, 'none') END,
        CASE WHEN OLD.organisation_id IS DISTINCT FROM NEW.organisation_id THEN 'organisation_id: ' || coalesce(OLD.organisation_id, 'none') || ' -> ' || coalesce(NEW.organisation_id, 'none') END,
        CASE WHEN OLD.purpose IS DISTINCT FROM NEW.purpose THEN 'purpose: ' || coalesce(OLD.purpose, 'none') || ' -> ' || coalesce(NEW.purpose, 'none') END));
END;
CREATE TRIGGER resource_removed_by_sql AFTER DELETE ON resource WHEN OLD.revision >= 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (OLD.organisation_id, 'resource', OLD.account_id, 'delete', '');
END;
CREATE TRIGGER membership_added_by_sql AFTER INSERT ON membership WHEN NEW.revision = 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'membership', NEW.group_id || '/' || NEW.member_id || '/' || NEW.member_address, 'insert', '');
END;
CREATE TRIGGER membership_changed_by_sql AFTER UPDATE ON membership WHEN NEW.revision = OLD.revision BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'membership', NEW.group_id || '/' || NEW.member_id || '/' || NEW.member_address, 'update', concat_ws('; ',
        CASE WHEN OLD.added_at IS DISTINCT FROM NEW.added_at THEN 'added_at: ' || coalesce(OLD.added_at, 'none') || ' -> ' || coalesce(NEW.added_at, 'none') END,
        CASE WHEN OLD.group_id IS DISTINCT FROM NEW.group_id THEN 'group_id: ' || coalesce(OLD.group_id, 'none') || ' -> ' || coalesce(NEW.group_id, 'none') END,
        CASE WHEN OLD.member_address IS DISTINCT FROM NEW.member_address THEN 'member_address: ' || coalesce(OLD.member_address, 'none') || ' -> ' || coalesce(NEW.member_address, 'none') END,
        CASE WHEN OLD.member_id IS DISTINCT FROM NEW.member_id THEN 'member_id: ' || coalesce(OLD.member_id, 'none') || ' -> ' || coalesce(NEW.member_id, 'none') END,
        CASE WHEN OLD.organisation_id IS DISTINCT FROM NEW.organisation_id THEN 'organisation_id: ' || coalesce(OLD.organisation_id, 'none') || ' -> ' || coalesce(NEW.organisation_id, 'none') END));
END;
CREATE TRIGGER membership_removed_by_sql AFTER DELETE ON membership WHEN OLD.revision >= 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (OLD.organisation_id, 'membership', OLD.group_id || '/' || OLD.member_id || '/' || OLD.member_address, 'delete', '');
END;
CREATE TRIGGER team_sender_added_by_sql AFTER INSERT ON team_sender WHEN NEW.revision = 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'team_sender', NEW.team_id || '/' || NEW.sender_id || '/' || NEW.sender_address, 'insert', '');
END;
CREATE TRIGGER team_sender_changed_by_sql AFTER UPDATE ON team_sender WHEN NEW.revision = OLD.revision BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'team_sender', NEW.team_id || '/' || NEW.sender_id || '/' || NEW.sender_address, 'update', concat_ws('; ',
        CASE WHEN OLD.moderator IS DISTINCT FROM NEW.moderator THEN 'moderator: ' || coalesce(OLD.moderator, 'none') || ' -> ' || coalesce(NEW.moderator, 'none') END,
        CASE WHEN OLD.organisation_id IS DISTINCT FROM NEW.organisation_id THEN 'organisation_id: ' || coalesce(OLD.organisation_id, 'none') || ' -> ' || coalesce(NEW.organisation_id, 'none') END,
        CASE WHEN OLD.sender_address IS DISTINCT FROM NEW.sender_address THEN 'sender_address: ' || coalesce(OLD.sender_address, 'none') || ' -> ' || coalesce(NEW.sender_address, 'none') END,
        CASE WHEN OLD.sender_id IS DISTINCT FROM NEW.sender_id THEN 'sender_id: ' || coalesce(OLD.sender_id, 'none') || ' -> ' || coalesce(NEW.sender_id, 'none') END,
        CASE WHEN OLD.team_id IS DISTINCT FROM NEW.team_id THEN 'team_id: ' || coalesce(OLD.team_id, 'none') || ' -> ' || coalesce(NEW.team_id, 'none') END));
END;
CREATE TRIGGER team_sender_removed_by_sql AFTER DELETE ON team_sender WHEN OLD.revision >= 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (OLD.organisation_id, 'team_sender', OLD.team_id || '/' || OLD.sender_id || '/' || OLD.sender_address, 'delete', '');
END;
CREATE TRIGGER redirect_added_by_sql AFTER INSERT ON redirect WHEN NEW.revision = 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'redirect', NEW.account_id || '/' || NEW.target_id || '/' || NEW.target_address, 'insert', '');
END;
CREATE TRIGGER redirect_changed_by_sql AFTER UPDATE ON redirect WHEN NEW.revision = OLD.revision BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'redirect', NEW.account_id || '/' || NEW.target_id || '/' || NEW.target_address, 'update', concat_ws('; ',
        CASE WHEN OLD.account_id IS DISTINCT FROM NEW.account_id THEN 'account_id: ' || coalesce(OLD.account_id, 'none') || ' -> ' || coalesce(NEW.account_id, 'none') END,
        CASE WHEN OLD.organisation_id IS DISTINCT FROM NEW.organisation_id THEN 'organisation_id: ' || coalesce(OLD.organisation_id, 'none') || ' -> ' || coalesce(NEW.organisation_id, 'none') END,
        CASE WHEN OLD.target_address IS DISTINCT FROM NEW.target_address THEN 'target_address: ' || coalesce(OLD.target_address, 'none') || ' -> ' || coalesce(NEW.target_address, 'none') END,
        CASE WHEN OLD.target_id IS DISTINCT FROM NEW.target_id THEN 'target_id: ' || coalesce(OLD.target_id, 'none') || ' -> ' || coalesce(NEW.target_id, 'none') END));
END;
CREATE TRIGGER redirect_removed_by_sql AFTER DELETE ON redirect WHEN OLD.revision >= 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (OLD.organisation_id, 'redirect', OLD.account_id || '/' || OLD.target_id || '/' || OLD.target_address, 'delete', '');
END;
CREATE TRIGGER address_added_by_sql AFTER INSERT ON address WHEN NEW.revision = 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'address', NEW.address, 'insert', '');
END;
CREATE TRIGGER address_changed_by_sql AFTER UPDATE ON address WHEN NEW.revision = OLD.revision BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'address', NEW.address, 'update', concat_ws('; ',
        CASE WHEN OLD.account_id IS DISTINCT FROM NEW.account_id THEN 'account_id: ' || coalesce(OLD.account_id, 'none') || ' -> ' || coalesce(NEW.account_id, 'none') END,
        CASE WHEN OLD.address IS DISTINCT FROM NEW.address THEN 'address: ' || coalesce(OLD.address, 'none') || ' -> ' || coalesce(NEW.address, 'none') END,
        CASE WHEN OLD.created_at IS DISTINCT FROM NEW.created_at THEN 'created_at: ' || coalesce(OLD.created_at, 'none') || ' -> ' || coalesce(NEW.created_at, 'none') END,
        CASE WHEN OLD.domain_id IS DISTINCT FROM NEW.domain_id THEN 'domain_id: ' || coalesce(OLD.domain_id, 'none') || ' -> ' || coalesce(NEW.domain_id, 'none') END,
        CASE WHEN OLD.expires_at IS DISTINCT FROM NEW.expires_at THEN 'expires_at: ' || coalesce(OLD.expires_at, 'none') || ' -> ' || coalesce(NEW.expires_at, 'none') END,
        CASE WHEN OLD.kind IS DISTINCT FROM NEW.kind THEN 'kind: ' || coalesce(OLD.kind, 'none') || ' -> ' || coalesce(NEW.kind, 'none') END,
        CASE WHEN OLD.note IS DISTINCT FROM NEW.note THEN 'note: ' || coalesce(OLD.note, 'none') || ' -> ' || coalesce(NEW.note, 'none') END,
        CASE WHEN OLD.organisation_id IS DISTINCT FROM NEW.organisation_id THEN 'organisation_id: ' || coalesce(OLD.organisation_id, 'none') || ' -> ' || coalesce(NEW.organisation_id, 'none') END));
END;
CREATE TRIGGER address_removed_by_sql AFTER DELETE ON address WHEN OLD.revision >= 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (OLD.organisation_id, 'address', OLD.address, 'delete', '');
END;
CREATE TRIGGER password_added_by_sql AFTER INSERT ON password WHEN NEW.revision = 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'password', NEW.account_id, 'insert', '');
END;
CREATE TRIGGER password_changed_by_sql AFTER UPDATE ON password WHEN NEW.revision = OLD.revision BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'password', NEW.account_id, 'update', concat_ws('; ',
        CASE WHEN OLD.account_id IS DISTINCT FROM NEW.account_id THEN 'account_id: ' || coalesce(OLD.account_id, 'none') || ' -> ' || coalesce(NEW.account_id, 'none') END,
        CASE WHEN OLD.changed_at IS DISTINCT FROM NEW.changed_at THEN 'changed_at: ' || coalesce(OLD.changed_at, 'none') || ' -> ' || coalesce(NEW.changed_at, 'none') END,
        CASE WHEN OLD.hash IS DISTINCT FROM NEW.hash THEN 'hash: changed' END,
        CASE WHEN OLD.must_change IS DISTINCT FROM NEW.must_change THEN 'must_change: ' || coalesce(OLD.must_change, 'none') || ' -> ' || coalesce(NEW.must_change, 'none') END,
        CASE WHEN OLD.organisation_id IS DISTINCT FROM NEW.organisation_id THEN 'organisation_id: ' || coalesce(OLD.organisation_id, 'none') || ' -> ' || coalesce(NEW.organisation_id, 'none') END));
END;
CREATE TRIGGER password_removed_by_sql AFTER DELETE ON password WHEN OLD.revision >= 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (OLD.organisation_id, 'password', OLD.account_id, 'delete', '');
END;
CREATE TRIGGER role_added_by_sql AFTER INSERT ON role WHEN NEW.revision = 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'role', NEW.organisation_id || '/' || NEW.id, 'insert', '');
END;
CREATE TRIGGER role_changed_by_sql AFTER UPDATE ON role WHEN NEW.revision = OLD.revision BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'role', NEW.organisation_id || '/' || NEW.id, 'update', concat_ws('; ',
        CASE WHEN OLD.description IS DISTINCT FROM NEW.description THEN 'description: ' || coalesce(OLD.description, 'none') || ' -> ' || coalesce(NEW.description, 'none') END,
        CASE WHEN OLD.id IS DISTINCT FROM NEW.id THEN 'id: ' || coalesce(OLD.id, 'none') || ' -> ' || coalesce(NEW.id, 'none') END,
        CASE WHEN OLD.name IS DISTINCT FROM NEW.name THEN 'name: ' || coalesce(OLD.name, 'none') || ' -> ' || coalesce(NEW.name, 'none') END,
        CASE WHEN OLD.organisation_id IS DISTINCT FROM NEW.organisation_id THEN 'organisation_id: ' || coalesce(OLD.organisation_id, 'none') || ' -> ' || coalesce(NEW.organisation_id, 'none') END));
END;
CREATE TRIGGER role_removed_by_sql AFTER DELETE ON role WHEN OLD.revision >= 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (OLD.organisation_id, 'role', OLD.organisation_id || '/' || OLD.id, 'delete', '');
END;
CREATE TRIGGER role_verb_added_by_sql AFTER INSERT ON role_verb WHEN NEW.revision = 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'role_verb', NEW.organisation_id || '/' || NEW.role_id || '/' || NEW.verb, 'insert', '');
END;
CREATE TRIGGER role_verb_changed_by_sql AFTER UPDATE ON role_verb WHEN NEW.revision = OLD.revision BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'role_verb', NEW.organisation_id || '/' || NEW.role_id || '/' || NEW.verb, 'update', concat_ws('; ',
        CASE WHEN OLD.organisation_id IS DISTINCT FROM NEW.organisation_id THEN 'organisation_id: ' || coalesce(OLD.organisation_id, 'none') || ' -> ' || coalesce(NEW.organisation_id, 'none') END,
        CASE WHEN OLD.role_id IS DISTINCT FROM NEW.role_id THEN 'role_id: ' || coalesce(OLD.role_id, 'none') || ' -> ' || coalesce(NEW.role_id, 'none') END,
        CASE WHEN OLD.verb IS DISTINCT FROM NEW.verb THEN 'verb: ' || coalesce(OLD.verb, 'none') || ' -> ' || coalesce(NEW.verb, 'none') END));
END;
CREATE TRIGGER role_verb_removed_by_sql AFTER DELETE ON role_verb WHEN OLD.revision >= 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (OLD.organisation_id, 'role_verb', OLD.organisation_id || '/' || OLD.role_id || '/' || OLD.verb, 'delete', '');
END;
CREATE TRIGGER role_grant_added_by_sql AFTER INSERT ON role_grant WHEN NEW.revision = 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'role_grant', NEW.organisation_id || '/' || NEW.id, 'insert', '');
END;
CREATE TRIGGER role_grant_changed_by_sql AFTER UPDATE ON role_grant WHEN NEW.revision = OLD.revision BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (NEW.organisation_id, 'role_grant', NEW.organisation_id || '/' || NEW.id, 'update', concat_ws('; ',
        CASE WHEN OLD.id IS DISTINCT FROM NEW.id THEN 'id: ' || coalesce(OLD.id, 'none') || ' -> ' || coalesce(NEW.id, 'none') END,
        CASE WHEN OLD.max_people IS DISTINCT FROM NEW.max_people THEN 'max_people: ' || coalesce(OLD.max_people, 'none') || ' -> ' || coalesce(NEW.max_people, 'none') END,
        CASE WHEN OLD.max_quota_bytes IS DISTINCT FROM NEW.max_quota_bytes THEN 'max_quota_bytes: ' || coalesce(OLD.max_quota_bytes, 'none') || ' -> ' || coalesce(NEW.max_quota_bytes, 'none') END,
        CASE WHEN OLD.organisation_id IS DISTINCT FROM NEW.organisation_id THEN 'organisation_id: ' || coalesce(OLD.organisation_id, 'none') || ' -> ' || coalesce(NEW.organisation_id, 'none') END,
        CASE WHEN OLD.role_id IS DISTINCT FROM NEW.role_id THEN 'role_id: ' || coalesce(OLD.role_id, 'none') || ' -> ' || coalesce(NEW.role_id, 'none') END,
        CASE WHEN OLD.scope IS DISTINCT FROM NEW.scope THEN 'scope: ' || coalesce(OLD.scope, 'none') || ' -> ' || coalesce(NEW.scope, 'none') END,
        CASE WHEN OLD.scope_id IS DISTINCT FROM NEW.scope_id THEN 'scope_id: ' || coalesce(OLD.scope_id, 'none') || ' -> ' || coalesce(NEW.scope_id, 'none') END,
        CASE WHEN OLD.subject_id IS DISTINCT FROM NEW.subject_id THEN 'subject_id: ' || coalesce(OLD.subject_id, 'none') || ' -> ' || coalesce(NEW.subject_id, 'none') END));
END;
CREATE TRIGGER role_grant_removed_by_sql AFTER DELETE ON role_grant WHEN OLD.revision >= 0 BEGIN
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
    VALUES (OLD.organisation_id, 'role_grant', OLD.organisation_id || '/' || OLD.id, 'delete', '');
END;
--- end
--- postgres
CREATE FUNCTION note_sql_change() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    before_row jsonb := CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE to_jsonb(OLD) END;
    after_row jsonb := CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE to_jsonb(NEW) END;
    any_row jsonb := coalesce(after_row, before_row);
    row_key text;
    detail text := '';
BEGIN
    SELECT string_agg(any_row ->> part, '/' ORDER BY place) INTO row_key
        FROM unnest(string_to_array(TG_ARGV[0], ' ')) WITH ORDINALITY AS parts(part, place);
    IF TG_OP = 'UPDATE' THEN
        SELECT coalesce(string_agg(
            CASE WHEN name = 'hash' THEN 'hash: changed'
                ELSE name || ': ' || coalesce(before_row ->> name, 'none') || ' -> ' || coalesce(after_row ->> name, 'none') END,
            '; ' ORDER BY name COLLATE "C"), '') INTO detail
            FROM jsonb_object_keys(after_row) AS names(name)
            WHERE name <> 'revision' AND (before_row -> name) IS DISTINCT FROM (after_row -> name);
    END IF;
    INSERT INTO sql_change (organisation_id, table_name, row_key, what, detail)
        VALUES ((any_row ->> TG_ARGV[1])::bigint, TG_TABLE_NAME, row_key, lower(TG_OP), detail);
    RETURN NULL;
END
$body$;
CREATE TRIGGER organisation_added_by_sql AFTER INSERT ON organisation FOR EACH ROW WHEN (NEW.revision = 0)
    EXECUTE FUNCTION note_sql_change('id', 'id');
CREATE TRIGGER organisation_changed_by_sql AFTER UPDATE ON organisation FOR EACH ROW WHEN (NEW.revision = OLD.revision)
    EXECUTE FUNCTION note_sql_change('id', 'id');
CREATE TRIGGER organisation_removed_by_sql AFTER DELETE ON organisation FOR EACH ROW WHEN (OLD.revision >= 0)
    EXECUTE FUNCTION note_sql_change('id', 'id');
CREATE TRIGGER class_of_service_added_by_sql AFTER INSERT ON class_of_service FOR EACH ROW WHEN (NEW.revision = 0)
    EXECUTE FUNCTION note_sql_change('organisation_id id', 'organisation_id');
CREATE TRIGGER class_of_service_changed_by_sql AFTER UPDATE ON class_of_service FOR EACH ROW WHEN (NEW.revision = OLD.revision)
    EXECUTE FUNCTION note_sql_change('organisation_id id', 'organisation_id');
CREATE TRIGGER class_of_service_removed_by_sql AFTER DELETE ON class_of_service FOR EACH ROW WHEN (OLD.revision >= 0)
    EXECUTE FUNCTION note_sql_change('organisation_id id', 'organisation_id');
CREATE TRIGGER unit_added_by_sql AFTER INSERT ON unit FOR EACH ROW WHEN (NEW.revision = 0)
    EXECUTE FUNCTION note_sql_change('organisation_id id', 'organisation_id');
CREATE TRIGGER unit_changed_by_sql AFTER UPDATE ON unit FOR EACH ROW WHEN (NEW.revision = OLD.revision)
    EXECUTE FUNCTION note_sql_change('organisation_id id', 'organisation_id');
CREATE TRIGGER unit_removed_by_sql AFTER DELETE ON unit FOR EACH ROW WHEN (OLD.revision >= 0)
    EXECUTE FUNCTION note_sql_change('organisation_id id', 'organisation_id');
CREATE TRIGGER domain_added_by_sql AFTER INSERT ON domain FOR EACH ROW WHEN (NEW.revision = 0)
    EXECUTE FUNCTION note_sql_change('organisation_id id', 'organisation_id');
CREATE TRIGGER domain_changed_by_sql AFTER UPDATE ON domain FOR EACH ROW WHEN (NEW.revision = OLD.revision)
    EXECUTE FUNCTION note_sql_change('organisation_id id', 'organisation_id');
CREATE TRIGGER domain_removed_by_sql AFTER DELETE ON domain FOR EACH ROW WHEN (OLD.revision >= 0)
    EXECUTE FUNCTION note_sql_change('organisation_id id', 'organisation_id');
CREATE TRIGGER entry_added_by_sql AFTER INSERT ON entry FOR EACH ROW WHEN (NEW.revision = 0)
    EXECUTE FUNCTION note_sql_change('account_id', 'organisation_id');
CREATE TRIGGER entry_changed_by_sql AFTER UPDATE ON entry FOR EACH ROW WHEN (NEW.revision = OLD.revision)
    EXECUTE FUNCTION note_sql_change('account_id', 'organisation_id');
CREATE TRIGGER entry_removed_by_sql AFTER DELETE ON entry FOR EACH ROW WHEN (OLD.revision >= 0)
    EXECUTE FUNCTION note_sql_change('account_id', 'organisation_id');
CREATE TRIGGER person_added_by_sql AFTER INSERT ON person FOR EACH ROW WHEN (NEW.revision = 0)
    EXECUTE FUNCTION note_sql_change('account_id', 'organisation_id');
CREATE TRIGGER person_changed_by_sql AFTER UPDATE ON person FOR EACH ROW WHEN (NEW.revision = OLD.revision)
    EXECUTE FUNCTION note_sql_change('account_id', 'organisation_id');
CREATE TRIGGER person_removed_by_sql AFTER DELETE ON person FOR EACH ROW WHEN (OLD.revision >= 0)
    EXECUTE FUNCTION note_sql_change('account_id', 'organisation_id');
CREATE TRIGGER team_added_by_sql AFTER INSERT ON team FOR EACH ROW WHEN (NEW.revision = 0)
    EXECUTE FUNCTION note_sql_change('account_id', 'organisation_id');
CREATE TRIGGER team_changed_by_sql AFTER UPDATE ON team FOR EACH ROW WHEN (NEW.revision = OLD.revision)
    EXECUTE FUNCTION note_sql_change('account_id', 'organisation_id');
CREATE TRIGGER team_removed_by_sql AFTER DELETE ON team FOR EACH ROW WHEN (OLD.revision >= 0)
    EXECUTE FUNCTION note_sql_change('account_id', 'organisation_id');
CREATE TRIGGER resource_added_by_sql AFTER INSERT ON resource FOR EACH ROW WHEN (NEW.revision = 0)
    EXECUTE FUNCTION note_sql_change('account_id', 'organisation_id');
CREATE TRIGGER resource_changed_by_sql AFTER UPDATE ON resource FOR EACH ROW WHEN (NEW.revision = OLD.revision)
    EXECUTE FUNCTION note_sql_change('account_id', 'organisation_id');
CREATE TRIGGER resource_removed_by_sql AFTER DELETE ON resource FOR EACH ROW WHEN (OLD.revision >= 0)
    EXECUTE FUNCTION note_sql_change('account_id', 'organisation_id');
CREATE TRIGGER membership_added_by_sql AFTER INSERT ON membership FOR EACH ROW WHEN (NEW.revision = 0)
    EXECUTE FUNCTION note_sql_change('group_id member_id member_address', 'organisation_id');
CREATE TRIGGER membership_changed_by_sql AFTER UPDATE ON membership FOR EACH ROW WHEN (NEW.revision = OLD.revision)
    EXECUTE FUNCTION note_sql_change('group_id member_id member_address', 'organisation_id');
CREATE TRIGGER membership_removed_by_sql AFTER DELETE ON membership FOR EACH ROW WHEN (OLD.revision >= 0)
    EXECUTE FUNCTION note_sql_change('group_id member_id member_address', 'organisation_id');
CREATE TRIGGER team_sender_added_by_sql AFTER INSERT ON team_sender FOR EACH ROW WHEN (NEW.revision = 0)
    EXECUTE FUNCTION note_sql_change('team_id sender_id sender_address', 'organisation_id');
CREATE TRIGGER team_sender_changed_by_sql AFTER UPDATE ON team_sender FOR EACH ROW WHEN (NEW.revision = OLD.revision)
    EXECUTE FUNCTION note_sql_change('team_id sender_id sender_address', 'organisation_id');
CREATE TRIGGER team_sender_removed_by_sql AFTER DELETE ON team_sender FOR EACH ROW WHEN (OLD.revision >= 0)
    EXECUTE FUNCTION note_sql_change('team_id sender_id sender_address', 'organisation_id');
CREATE TRIGGER redirect_added_by_sql AFTER INSERT ON redirect FOR EACH ROW WHEN (NEW.revision = 0)
    EXECUTE FUNCTION note_sql_change('account_id target_id target_address', 'organisation_id');
CREATE TRIGGER redirect_changed_by_sql AFTER UPDATE ON redirect FOR EACH ROW WHEN (NEW.revision = OLD.revision)
    EXECUTE FUNCTION note_sql_change('account_id target_id target_address', 'organisation_id');
CREATE TRIGGER redirect_removed_by_sql AFTER DELETE ON redirect FOR EACH ROW WHEN (OLD.revision >= 0)
    EXECUTE FUNCTION note_sql_change('account_id target_id target_address', 'organisation_id');
CREATE TRIGGER address_added_by_sql AFTER INSERT ON address FOR EACH ROW WHEN (NEW.revision = 0)
    EXECUTE FUNCTION note_sql_change('address', 'organisation_id');
CREATE TRIGGER address_changed_by_sql AFTER UPDATE ON address FOR EACH ROW WHEN (NEW.revision = OLD.revision)
    EXECUTE FUNCTION note_sql_change('address', 'organisation_id');
CREATE TRIGGER address_removed_by_sql AFTER DELETE ON address FOR EACH ROW WHEN (OLD.revision >= 0)
    EXECUTE FUNCTION note_sql_change('address', 'organisation_id');
CREATE TRIGGER password_added_by_sql AFTER INSERT ON password FOR EACH ROW WHEN (NEW.revision = 0)
    EXECUTE FUNCTION note_sql_change('account_id', 'organisation_id');
CREATE TRIGGER password_changed_by_sql AFTER UPDATE ON password FOR EACH ROW WHEN (NEW.revision = OLD.revision)
    EXECUTE FUNCTION note_sql_change('account_id', 'organisation_id');
CREATE TRIGGER password_removed_by_sql AFTER DELETE ON password FOR EACH ROW WHEN (OLD.revision >= 0)
    EXECUTE FUNCTION note_sql_change('account_id', 'organisation_id');
CREATE TRIGGER role_added_by_sql AFTER INSERT ON role FOR EACH ROW WHEN (NEW.revision = 0)
    EXECUTE FUNCTION note_sql_change('organisation_id id', 'organisation_id');
CREATE TRIGGER role_changed_by_sql AFTER UPDATE ON role FOR EACH ROW WHEN (NEW.revision = OLD.revision)
    EXECUTE FUNCTION note_sql_change('organisation_id id', 'organisation_id');
CREATE TRIGGER role_removed_by_sql AFTER DELETE ON role FOR EACH ROW WHEN (OLD.revision >= 0)
    EXECUTE FUNCTION note_sql_change('organisation_id id', 'organisation_id');
CREATE TRIGGER role_verb_added_by_sql AFTER INSERT ON role_verb FOR EACH ROW WHEN (NEW.revision = 0)
    EXECUTE FUNCTION note_sql_change('organisation_id role_id verb', 'organisation_id');
CREATE TRIGGER role_verb_changed_by_sql AFTER UPDATE ON role_verb FOR EACH ROW WHEN (NEW.revision = OLD.revision)
    EXECUTE FUNCTION note_sql_change('organisation_id role_id verb', 'organisation_id');
CREATE TRIGGER role_verb_removed_by_sql AFTER DELETE ON role_verb FOR EACH ROW WHEN (OLD.revision >= 0)
    EXECUTE FUNCTION note_sql_change('organisation_id role_id verb', 'organisation_id');
CREATE TRIGGER role_grant_added_by_sql AFTER INSERT ON role_grant FOR EACH ROW WHEN (NEW.revision = 0)
    EXECUTE FUNCTION note_sql_change('organisation_id id', 'organisation_id');
CREATE TRIGGER role_grant_changed_by_sql AFTER UPDATE ON role_grant FOR EACH ROW WHEN (NEW.revision = OLD.revision)
    EXECUTE FUNCTION note_sql_change('organisation_id id', 'organisation_id');
CREATE TRIGGER role_grant_removed_by_sql AFTER DELETE ON role_grant FOR EACH ROW WHEN (OLD.revision >= 0)
    EXECUTE FUNCTION note_sql_change('organisation_id id', 'organisation_id');
--- end
