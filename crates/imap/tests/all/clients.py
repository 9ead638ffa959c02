# What Python's imaplib expects of a server, over STARTTLS and with COMPRESS.
import imaplib, re, ssl, sys, time, zlib

port, certificate = int(sys.argv[1]), sys.argv[2]
trust = ssl.create_default_context(cafile=certificate)

def client(user):
    made = imaplib.IMAP4("localhost", port)
    assert made.starttls(trust)[0] == "OK"
    assert made.login(user + "@bench.test", "secret")[0] == "OK"
    return made

def ok(answer):
    kind, data = answer
    assert kind == "OK", answer
    return data

one, two = client("u1"), client("u1")
capabilities = ok(one.capability())[0].split()
assert b"IDLE" in capabilities and b"STARTTLS" not in capabilities, capabilities
assert ok(one.namespace())[0].startswith(b'(("" "/"))')
names = ok(one.list())
assert any(name.endswith(b" INBOX") for name in names) and any(b"\\Sent" in name for name in names), names
folder = '"&AMk-t&AOk- &- hiver"'
ok(one.create(folder))
ok(one.subscribe(folder))
assert [name.split(b" ", 2)[2] for name in ok(one.lsub('""', '"&AMk-t*"'))] == [folder.encode()]
ok(one.rename(folder, "Printemps"))
status = ok(one.status("INBOX", "(MESSAGES UNSEEN UIDNEXT)"))[0]
assert b"MESSAGES 3" in status and b"UNSEEN 3" in status, status
assert ok(one.select("INBOX")) == [b"3"]
assert ok(one.search(None, "SUBJECT", "beta")) == [b"2"]
one.literal = "\u0436".encode()
assert ok(one.search("UTF-8", "TEXT")) == [b""]
assert ok(one.sort("(REVERSE SUBJECT)", "UTF-8", "ALL")) == [b"3 2 1"]
assert ok(one.thread("REFERENCES", "UTF-8", "ALL")) == [b"(1)(2)(3)"]
whole = ok(one.fetch("1", "(RFC822.SIZE ENVELOPE BODY.PEEK[])"))
size = int(re.search(rb"RFC822.SIZE (\d+)", whole[0][0]).group(1))
assert len(whole[0][1]) == size and b'"alpha"' in whole[0][0], whole
ok(two.select("INBOX"))
ok(one.store("1", "+FLAGS", "(\\Flagged work)"))
ok(two.noop())
told = [line for line in two.response("FETCH")[1] if line]
assert told and b"work" in told[0], told
moment = imaplib.Time2Internaldate(1582979400)
ok(one.append("Printemps", "(\\Seen)", moment, b"Subject: put\r\n\r\nText.\r\n"))
ok(one.copy("1:2", "Printemps"))
ok(one.uid("MOVE", "3", "Printemps"))
assert ok(one.search(None, "ALL")) == [b"1 2"]
assert ok(one.select("Printemps")) == [b"4"]
date = ok(one.fetch("1", "(INTERNALDATE)"))[0]
assert time.mktime(imaplib.Internaldate2tuple(date)) == 1582979400, date
ok(one.store("1:*", "+FLAGS", "(\\Deleted)"))
assert ok(one.expunge()) == [b"4", b"3", b"2", b"1"]
kind, why = one.select("Nowhere")
assert kind == "NO" and b"NONEXISTENT" in why[0], why
ok(one.setacl("Printemps", "u2@bench.test", "lr"))
assert b"u2@bench.test lr" in ok(one.getacl("Printemps"))[0]
assert b"u1@bench.test" in ok(one.getquotaroot("INBOX"))[0][0]
ok(one.delete("Printemps"))
one.logout()
two.logout()

# COMPRESS, inside TLS.
raw = client("u1")
imaplib.Commands["COMPRESS"] = ("AUTH", "SELECTED")
assert raw._simple_command("COMPRESS", "DEFLATE")[0] == "OK"

class Deflated:
    def __init__(self, sock):
        self.sock, self.out, self.back, self.ready = sock, zlib.compressobj(9, zlib.DEFLATED, -15), zlib.decompressobj(-15), b""
    def sendall(self, data):
        self.sock.sendall(self.out.compress(data) + self.out.flush(zlib.Z_SYNC_FLUSH))
    def more(self):
        self.ready += self.back.decompress(self.sock.recv(4096))
    def readline(self, size=-1):
        while b"\n" not in self.ready:
            self.more()
        line, _, self.ready = self.ready.partition(b"\n")
        return line + b"\n"
    def read(self, size):
        while len(self.ready) < size:
            self.more()
        taken, self.ready = self.ready[:size], self.ready[size:]
        return taken
    def close(self):
        pass
    def shutdown(self, how):
        self.sock.shutdown(how)

deflated = Deflated(raw.sock)
raw.send, raw.readline, raw.read = deflated.sendall, deflated.readline, deflated.read
raw.select("INBOX")
raw.append("INBOX", None, None, b"Subject: large\r\n\r\n" + b"0123456789\r\n" * 50_000)
kind, data = raw.fetch("*", "(BODY.PEEK[])")
assert kind == "OK" and len(data[0][1]) == 18 + 12 * 50_000, len(data[0][1])
assert raw._simple_command("COMPRESS", "DEFLATE")[0] == "NO"
raw.logout()
print("fine")
