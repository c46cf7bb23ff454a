"""What botocore makes of AWS's configuration files.

Reads lines of JSON on stdin, {"config": FILE, "credentials": FILE, "profile": NAME or null}, and answers each with
{"signed": [ACCESS KEY, REGION] or null, "error": whether the files cannot be read or have no such profile}.
"""
import json
import os
import sys

import botocore.exceptions
import botocore.session
import botocore.utils


def answer(case):
    os.environ.update(AWS_CONFIG_FILE=case["config"], AWS_SHARED_CREDENTIALS_FILE=case["credentials"])
    os.environ.pop("AWS_PROFILE", None)
    if case["profile"]:
        os.environ["AWS_PROFILE"] = case["profile"]
    try:
        session = botocore.session.Session()
        region = session.get_config_variable("region") or "us-east-2"
        botocore.utils.validate_region_name(region)
        credentials = session.get_credentials()
    except (
        botocore.exceptions.ConfigParseError,
        botocore.exceptions.InvalidRegionError,
        botocore.exceptions.ProfileNotFound,
    ):
        return {"signed": None, "error": True}
    except botocore.exceptions.PartialCredentialsError:
        return {"signed": None, "error": False}
    # It would sign with a key of several words, which nobody has; here that is an error before anything is sent.
    if credentials and any(not "!" <= c <= "~" for c in credentials.access_key + credentials.secret_key):
        return {"signed": None, "error": False}
    return {"signed": [credentials.access_key, region] if credentials else None, "error": False}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
