-- Greylisting: who sent mail for the first time, and who came back.

-- Mail that somebody tried to hand over: who, from whom, to whom.
CREATE TABLE greylist (
    network text NOT NULL,                              -- IPv4 /24 or IPv6 /64 of the other server
    sender text NOT NULL,                               -- the envelope's sender; empty: the null sender
    recipient text NOT NULL,                            -- the envelope's recipient
    first_at bigint NOT NULL,                           -- when it was tried first, milliseconds since 1970
    PRIMARY KEY (network, sender, recipient)
) {without_rowid};
-- What is forgotten.
CREATE INDEX greylist_by_time ON greylist (first_at);

-- Networks whose servers came back: they are not asked again.
CREATE TABLE greylist_known (
    network text NOT NULL PRIMARY KEY,                  -- IPv4 /24 or IPv6 /64
    seen_at bigint NOT NULL                             -- when mail came from there last, within a day
) {without_rowid};
