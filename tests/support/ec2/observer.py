"""Looks at the mock with Amazon's own library, so that not only our program
says what our program has done. Reads one JSON command per line, answers with
one JSON line."""

import json
import sys
import urllib.request

import boto3
from botocore.config import Config

endpoint, region = sys.argv[1:3]
key = secret = "none"


def client(service):
    return boto3.client(
        service, region_name=region, endpoint_url=endpoint, aws_access_key_id=key,
        aws_secret_access_key=secret, config=Config(retries={"max_attempts": 1}, read_timeout=300))


def user(name, policy):
    iam = client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=json.dumps(policy))
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return made["AccessKeyId"], made["SecretAccessKey"]


def setup(policy):
    """Two users, of which one may do only what our documentation asks for; a
    network without public addresses; what a section of director.cfg names.
    From then on every request must be signed and permitted."""
    global key, secret
    director = user("director", policy)
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    key, secret = user("observer", everything)
    ec2 = client("ec2")
    zone = ec2.describe_availability_zones()["AvailabilityZones"][1]["ZoneName"]
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.1.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
    for network in (None, vpc):
        more = {"VpcId": network} if network else {}
        group = ec2.create_security_group(GroupName="conpaas", Description="conpaas", **more)["GroupId"]
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
            for port in (22, 80, 443, 5555)])
    ec2.create_key_pair(KeyName="conpaas")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]
    reset = urllib.request.Request(endpoint + "/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"})
    urllib.request.urlopen(reset).read()
    return {"key": director[0], "secret": director[1], "subnet": subnet, "zone": zone, "group": group,
            "image": image["ImageId"], "architecture": image["Architecture"]}


def instances():
    """Those that are there, with their user-data."""
    ec2 = client("ec2")
    found = []
    for page in ec2.get_paginator("describe_instances").paginate():
        for one in [one for group in page["Reservations"] for one in group["Instances"]]:
            if one["State"]["Name"] in ("terminated", "shutting-down"):
                continue
            data = ec2.describe_instance_attribute(InstanceId=one["InstanceId"], Attribute="userData")
            found.append({
                "id": one["InstanceId"], "state": one["State"]["Name"], "type": one["InstanceType"],
                "ip": one.get("PublicIpAddress"), "private_ip": one.get("PrivateIpAddress"),
                "zone": one["Placement"]["AvailabilityZone"], "key": one.get("KeyName"),
                "groups": [group["GroupId"] for group in one["SecurityGroups"]],
                "tags": {tag["Key"]: tag["Value"] for tag in one.get("Tags", [])},
                "user_data": data["UserData"].get("Value", "")})
    return found


def volumes():
    """Those that were made for themselves, not with an instance."""
    found = []
    for one in client("ec2").describe_volumes()["Volumes"]:
        tags = {tag["Key"]: tag["Value"] for tag in one.get("Tags", [])}
        if "conpaas-volume" in tags:
            found.append({
                "id": one["VolumeId"], "state": one["State"], "size": one["Size"], "zone": one["AvailabilityZone"],
                "tags": tags, "attached": [[at["InstanceId"], at["Device"]] for at in one["Attachments"]]})
    return found


def stop(instance):
    client("ec2").stop_instances(InstanceIds=[instance])


def terminate(instance):
    client("ec2").terminate_instances(InstanceIds=[instance])


def run_stranger():
    """An instance that is none of ours."""
    image = client("ec2").describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    return client("ec2").run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]


def delete_key():
    client("ec2").delete_key_pair(KeyName="conpaas")


def forbid(action):
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": action, "Resource": "*"}]}
    client("iam").put_user_policy(UserName="director", PolicyName="forbid", PolicyDocument=json.dumps(policy))


def permit():
    client("iam").delete_user_policy(UserName="director", PolicyName="forbid")


COMMANDS = {one.__name__: one for one in (
    setup, instances, volumes, stop, terminate, run_stranger, delete_key, forbid, permit)}
for line in sys.stdin:
    name, *arguments = json.loads(line)
    try:
        answer = {"ok": COMMANDS[name](*arguments)}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
