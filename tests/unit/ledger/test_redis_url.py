"""DESKBELL_REDIS_URL is read once, as redis-py reads it, or refused in words that repeat no secret."""

from typing import Any

import pytest
from redis.connection import parse_url

from ledger.errors import BadInput
from ledger.redis_url import RedisUrl
from tests.all_of import all_of

#: Stands wherever a secret may stand.
SECRET = "hunter2"


@all_of(
    ("text", "shown", "arguments"),
    [
        ("redis://h", "redis://h:6379/0", {"host": "h", "port": 6379, "db": 0}),
        ("redis://", "redis://localhost:6379/0", {"host": "localhost", "port": 6379, "db": 0}),
        ("redis://h/4", "redis://h:6379/4", {"host": "h", "port": 6379, "db": 4}),
        ("redis://h?db=4", "redis://h:6379/4", {"host": "h", "port": 6379, "db": 4}),
        ("redis://h/4?db=4", "redis://h:6379/4", {"host": "h", "port": 6379, "db": 4}),
        ("redis://[::1]:7/", "redis://[::1]:7/0", {"host": "::1", "port": 7, "db": 0}),
        (
            "rediss://bell:p%40ss%2F@h:1/2?ssl_cert_reqs=CERT_OPTIONAL&ssl_check_hostname=no",
            "rediss://h:1/2",
            {"host": "h", "port": 1, "db": 2, "username": "bell", "password": "p@ss/",
             "ssl_cert_reqs": "optional", "ssl_check_hostname": False},
        ),
        ("redis://:a:b@h", "redis://h:6379/0", {"host": "h", "port": 6379, "db": 0, "password": "a:b"}),
        ("redis://bell:@h", "redis://h:6379/0", {"host": "h", "port": 6379, "db": 0, "username": "bell"}),
        (
            "redis://h?username=bell&password=p%2Bss",
            "redis://h:6379/0",
            {"host": "h", "port": 6379, "db": 0, "username": "bell", "password": "p+ss"},
        ),
        (
            "redis://h?socket_timeout=5&socket_connect_timeout=2.5&health_check_interval=7&protocol=3",
            "redis://h:6379/0",
            {"host": "h", "port": 6379, "db": 0, "socket_timeout": 5.0, "socket_connect_timeout": 2.5,
             "health_check_interval": 7, "protocol": 3},
        ),
        ("unix:///run/a%20b.sock", "unix:///run/a%20b.sock", {"path": "/run/a b.sock", "db": 0}),
        (
            "unix:///run/v.sock?db=2&password=hunter2",
            "unix:///run/v.sock?db=2",
            {"path": "/run/v.sock", "db": 2, "password": "hunter2"},
        ),
        (
            "unix://bell@/run/v.sock?password=hunter2",
            "unix:///run/v.sock",
            {"path": "/run/v.sock", "db": 0, "username": "bell", "password": "hunter2"},
        ),
        ("sentinel://a:1,b/main/3", "sentinel://a:1,b:26379/main/3", {"db": 3}),
        ("sentinel://:hunter2@[::1]:5,[::2]/main", "sentinel://[::1]:5,[::2]:26379/main/0",
         {"db": 0, "password": "hunter2"}),
        ("sentinels://a/main?db=3&protocol=2", "sentinels://a:26379/main/3", {"db": 3, "protocol": 2}),
    ],
)  # fmt: skip
def test_a_url_is_its_parts(text: str, shown: str, arguments: dict[str, Any]) -> None:
    url = RedisUrl.parse(text)
    assert (str(url), url.arguments) == (shown, arguments)
    assert SECRET not in repr(url)


@pytest.mark.parametrize(
    "text",
    [
        "redis://h/4", "redis://h?db=4", "redis://bell:p%40ss@h:7/1", "redis://:a%2525b@h", "redis://H.example.COM",
        "redis://h?password=a+b%20c", "redis://[::1]:7/3?protocol=2", "unix:///run/v.sock?db=2&password=x",
        "unix://:x@/run/v.sock", "rediss://h?ssl_check_hostname=false",
    ],
)  # fmt: skip
def test_redis_py_reads_the_same(text: str) -> None:
    ours, theirs = RedisUrl.parse(text).arguments, parse_url(text)
    theirs.pop("connection_class", None)
    assert {name: ours[name] for name in theirs} == theirs


ESCAPE = "has a character in its password that must be escaped: write # as %23, / as %2F, ? as %3F, [ as %5B"
ADDRESS = "has an address that is not one"


@all_of(
    ("text", "problem"),
    [
        *((f"redis://:{SECRET}{sign}x9@127.0.0.1:6399/0", ESCAPE) for sign in "#/?[] \t\n\\"[:-1]),
        *((f"sentinel://:{SECRET}{sign}x9@127.0.0.1:26379/m/0", ESCAPE) for sign in "#/?[]"),
        *((f"unix://:{SECRET}{sign}x9@/run/v.sock", ESCAPE) for sign in "#/?[]"),
        (f"redis://:[{SECRET}]@h", ESCAPE),
        (f"redis://:{SECRET}\uff0fx@h", ESCAPE),
        (f"redis://:1234?x={SECRET}@h", ESCAPE),
        (f"redis://h?password={SECRET}#x", ESCAPE),
        (f"unix:///:{SECRET}@/run/v.sock", ESCAPE),
        (f"redis://{SECRET}@h", "names a user but no password: use :PASSWORD@"),
        (f"sentinel://{SECRET}@h/m", "names a user but no password"),
        (f"redis://:x@h?password={SECRET}", "twice"),
        (f"redis://h?password=a&password={SECRET}", "gives password twice"),
        (f"redis://:{SECRET}/0", ADDRESS),
        (f"redis://bell:{SECRET}", ADDRESS),
        ("redis://:6379/0", ADDRESS),
        ("redis://h:0", ADDRESS),
        ("redis://h:65536", ADDRESS),
        ("redis://h:x", ADDRESS),
        ("redis://::1:6379", ADDRESS),
        ("redis://[::1:6379", ADDRESS),
        ("redis://::1]:6379", ADDRESS),
        ("redis://[hello]:6379", ADDRESS),
        ("redis://a,b:6379", ADDRESS),
        ("sentinel://127.0.0.1:abc/m/0", ADDRESS),
        ("sentinel://a,,b/m/0", ADDRESS),
        ("sentinel://a..b/m/0", ADDRESS),
        (f"redis://{'a' * 64}", ADDRESS),
        ("sentinel://[::1/m/0", ADDRESS),
        ("sentinel://[::1]x/m/0", ADDRESS),
        ("sentinel://::1:26379/m/0", ADDRESS),
        ("sentinel://127.0.0.1:26379/m/x", "must name its database by a number: sentinel://host:26379/name/0"),
        ("sentinel://127.0.0.1:26379", "write sentinel://host:26379,host:26379/service-name/0"),
        ("sentinel:///m/0", "write sentinel://host:26379,host:26379/service-name/0"),
        ("redis://h/abc", "must name its database by a number: redis://host:6379/0"),
        ("redis://h/1/2", "must name its database by a number"),
        ("redis://h/-1", "must name its database by a number"),
        ("redis://h/abc?db=1", "must name its database by a number"),
        ("redis://h/1?db=2", "names two databases"),
        ("redis://h?db=x", "db: must be the number of a database"),
        ("redis://h?db=-1", "db: must be the number of a database"),
        ("redis://h?db=", "has no value for db"),
        (f"redis://h?{SECRET}", "has an unknown option: use one of db, username, password"),
        (f"redis://h?{SECRET}={SECRET}", "has an unknown option"),
        ("redis://h?socket_timeout=soon", "socket_timeout: must be from 1 to 60 seconds"),
        ("redis://h?socket_timeout=nan", "socket_timeout: must be from 1 to 60 seconds"),
        ("redis://h?socket_timeout=0", "socket_timeout: must be from 1 to 60 seconds"),
        ("redis://h?health_check_interval=0", "health_check_interval: must be from 1 to 3600 seconds"),
        ("redis://h?protocol=4", "protocol: must be 2 or 3"),
        ("redis://h?max_connections=5", "remove max_connections: each thread has its own connection"),
        ("redis://h?decode_responses=true", "remove decode_responses"),
        ("redis://h?socket_keepalive=off", "socket_keepalive: must be true or false"),
        ("unix:///run/v.sock?socket_keepalive=1", "has an unknown option"),
        ("redis://h?ssl_cert_reqs=none", "ssl_cert_reqs is for TLS: use rediss:// or sentinels://"),
        ("rediss://h?ssl_cert_reqs=foo", "ssl_cert_reqs: must be required, optional or none"),
        ("rediss://h?ssl_ca_certs=/nowhere/ca.pem", "ssl_ca_certs: names a file that cannot be read (FileNotFound"),
        ("rediss://h?ssl_ca_path=/nowhere", "ssl_ca_path: is not a directory"),
        ("unix://run/valkey.sock", "use unix:///absolute/path/to.sock"),
        ("unix:///a%00b", "use unix:///absolute/path/to.sock"),
        ("sentinel://a/m%0a/0", "write sentinel://host:26379,host:26379/service-name/0"),
        ("unix://", "use unix:///absolute/path/to.sock"),
        (f"http://:{SECRET}@h", "must begin with redis://, rediss://, unix://, sentinel:// or sentinels://"),
        (f"REDIS://:{SECRET}@h", "must begin with redis://"),
        (SECRET, "must begin with redis://"),
        ("", "must begin with redis://"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_in_words(text: str, problem: str) -> None:
    with pytest.raises(BadInput) as refusal:
        RedisUrl.parse(text)
    assert refusal.value.field == "DESKBELL_REDIS_URL"
    assert problem in refusal.value.problem
    assert SECRET not in str(refusal.value)
