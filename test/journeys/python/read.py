"""Reads and sorts a mailbox with imaplib. Arguments: imap port, imaps port, certificate, user, password, and the
subjects expected in INBOX, in order."""
import imaplib
import ssl
import sys
import time
from email import message_from_bytes
from email.policy import default

starttls_port, tls_port, certificate, user, password, *subjects = sys.argv[1:]
context = ssl.create_default_context(cafile=certificate)


def check(answer):
    status, data = answer
    assert status == "OK", answer
    return data


def parsed(uid, client):
    data = check(client.uid("FETCH", uid, "(BODY.PEEK[])"))
    return message_from_bytes(data[0][1], policy=default)


with imaplib.IMAP4("localhost", int(starttls_port)) as client:
    check(client.starttls(ssl_context=context))
    check(client.login(user, password))
    check(client.select("INBOX"))
    uids = check(client.uid("SEARCH", "ALL"))[0].split()
    seen = [parsed(uid, client)["Subject"] for uid in uids]
    assert seen == subjects, seen
    for uid in uids:
        message = parsed(uid, client)
        attachment, = message.iter_attachments()
        assert attachment.get_filename() == "übung.bin", attachment.get_filename()
        assert attachment.get_content() == bytes(range(256)) * 40
        text = message.get_body().get_content().replace("\r\n", "\n")
        assert text == "Zeile 1\n.Zeile 2 mit Punkt\n..\nschön und gut\n", repr(text)
    # BODY.PEEK has marked nothing as read.
    assert check(client.search(None, "UNSEEN"))[0].split() == [b"%d" % n for n in range(1, len(uids) + 1)]
    check(client.store("1", "+FLAGS", "(\\Seen $Forwarded)"))
    check(client.create("Archiv"))
    check(client.subscribe("Archiv"))
    check(client.copy("1:2", "Archiv"))
    check(client.store("2", "+FLAGS.SILENT", "(\\Deleted)"))
    assert check(client.expunge()) == [b"2"]
    check(client.append("Archiv", "(\\Draft)", imaplib.Time2Internaldate(time.time()), b"Subject: appended\r\n\r\nappended\r\n"))

with imaplib.IMAP4_SSL("localhost", int(tls_port), ssl_context=context) as client:
    check(client.authenticate("PLAIN", lambda _: b"\0%s\0%s" % (user.encode(), password.encode())))
    names = check(client.list())
    assert any(name.endswith(b'Archiv') or name.endswith(b'"Archiv"') for name in names), names
    assert len(check(client.lsub())) >= 1
    assert check(client.select("Archiv")) == [b"3"]
    flags = check(client.fetch("1", "(FLAGS)"))
    assert b"$Forwarded" in flags[0] and b"\\Seen" in flags[0], flags
    assert check(client.sort("REVERSE DATE", "UTF-8", "ALL")) if "SORT" in client.capabilities else True
    check(client.rename("Archiv", "Altes"))
    check(client.close())
    assert check(client.status("Altes", "(MESSAGES UNSEEN)"))[0].split(b"(")[1] == b"MESSAGES 3 UNSEEN 2)"
    check(client.delete("Altes"))
    try:
        client.login(user, "wrong")
        raise SystemExit("LOGIN was taken in a session that is logged in")
    except imaplib.IMAP4.error:
        pass
