-- For Postfix, virtual_alias_maps: addresses that stand for others, with what they stand for, one row a target.
-- Beffroi follows aliases by itself when mail is handed to it; this view is for a Postfix that does it before.
CREATE VIEW postfix_aliases AS
SELECT p.address, coalesce(t.address, r.target_address) AS target
FROM postfix_recipients p
JOIN entry e ON e.account_id = p.account_id AND e.kind = 'alias'
JOIN redirect r ON r.account_id = e.account_id
LEFT JOIN entry t ON t.account_id = r.target_id
UNION ALL
SELECT p.address, e.address
FROM postfix_recipients p
JOIN entry e ON e.account_id = p.account_id AND e.kind <> 'alias'
WHERE p.address <> e.address;

-- For Postfix, smtpd_sender_login_maps: who may send with which address, by login name.
CREATE VIEW postfix_senders AS
SELECT p.address, e.address AS login
FROM postfix_recipients p
JOIN entry e ON e.account_id = p.account_id AND e.kind IN ('person', 'shared', 'resource') AND e.state = 'active';

-- For Postfix, transport_maps: unknown addresses of a domain with a relay_host go there, known ones as usual.
CREATE VIEW postfix_transports AS
SELECT d.name, 'smtp:' || d.relay_host AS transport
FROM domain d
WHERE d.relay_host IS NOT NULL AND d.state <> 'closed'
UNION ALL
SELECT a.address, ':'
FROM address a
JOIN domain d ON d.organisation_id = a.organisation_id AND d.id = a.domain_id AND d.relay_host IS NOT NULL
JOIN entry e ON e.account_id = a.account_id AND e.state IN ('active', 'locked');
