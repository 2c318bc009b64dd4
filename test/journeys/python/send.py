"""Sends mail with smtplib in every way it knows. Arguments: host, submission port, submissions port, certificate,
user, password, recipient. Prints what the server offered after STARTTLS, sorted."""
import smtplib
import ssl
import sys
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8

host, starttls_port, tls_port, certificate, user, password, recipient = sys.argv[1:]
context = ssl.create_default_context(cafile=certificate)


def message(subject, policy=SMTP):
    made = EmailMessage(policy=policy)
    made["From"] = user
    made["To"] = recipient
    made["Subject"] = subject
    made.set_content("Zeile 1\n.Zeile 2 mit Punkt\n..\nschön und gut\n")
    made.add_attachment(bytes(range(256)) * 40, maintype="application", subtype="octet-stream", filename="übung.bin")
    return made


with smtplib.SMTP("localhost", int(starttls_port)) as client:
    client.starttls(context=context)
    client.ehlo()
    print(" ".join(sorted(client.esmtp_features)))
    client.login(user, password)
    refused = client.send_message(message("by STARTTLS"))
    assert refused == {}, refused
    # A second message in the same session, one recipient of two refused.
    refused = client.send_message(message("one of two"), to_addrs=[recipient, recipient.replace("@", "-nobody@")])
    assert [reply[0] for reply in refused.values()] == [550], refused

with smtplib.SMTP_SSL("localhost", int(tls_port), context=context) as client:
    client.user, client.password = user, password
    client.ehlo()
    client.auth("LOGIN", client.auth_login)
    client.send_message(message("Grüße, 世界", SMTPUTF8), mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    try:
        client.sendmail("somebody.else@elsewhere.example", [recipient], "Subject: forged\r\n\r\n")
        raise SystemExit("an envelope sender that is not ours was taken")
    except smtplib.SMTPSenderRefused as error:
        assert error.smtp_code == 553, error

with smtplib.SMTP_SSL("localhost", int(tls_port), context=context) as client:
    try:
        client.login(user, "wrong")
        raise SystemExit("a wrong password was taken")
    except smtplib.SMTPAuthenticationError as error:
        assert error.smtp_code == 535, error
