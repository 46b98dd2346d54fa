"""An authority of the tests' own, and a certificate that it gave to the broker."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM


class Certificates:
    """Two files: what clients trust, and the broker's key with its certificate."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.authority, self.server = folder / "authority.pem", folder / "server.pem"
        key, name = ec.generate_private_key(ec.SECP256R1()), _named("authority of the tests")
        root = _built(name, name, key.public_key(), x509.BasicConstraints(ca=True, path_length=None)).sign(
            key, hashes.SHA256()
        )
        own = ec.generate_private_key(ec.SECP256R1())
        alternative = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        given = _built(_named("localhost"), name, own.public_key(), alternative).sign(key, hashes.SHA256())
        secret = own.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.authority.write_bytes(root.public_bytes(PEM))
        self.server.write_bytes(secret + given.public_bytes(PEM) + root.public_bytes(PEM))


def _named(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _built(subject, issuer, public_key, extension):
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    )
