#!/usr/bin/env python3
"""What stands in deploy/: both forms are well formed, make the same, make what `swm deploy lambda
--plan` says, and grant what the program uses and nothing more."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import cfnlint.decode.cfn_yaml
import hcl2

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "test" / "e2e")]

from _server import Cases, must  # noqa: E402

TEMPLATE = ROOT / "deploy" / "template.yaml"
MODULE = ROOT / "deploy" / "terraform" / "main.tf"
PROGRAM = os.environ.get("SWM_PROGRAM", str(ROOT / "build" / "swm"))

TERRAFORM_TYPES = {
    "aws_sqs_queue": "AWS::SQS::Queue",
    "aws_secretsmanager_secret": "AWS::SecretsManager::Secret",
    "aws_cloudwatch_log_group": "AWS::Logs::LogGroup",
    "aws_iam_role": "AWS::IAM::Role",
    "aws_lambda_function": "AWS::Lambda::Function",
    "aws_lambda_event_source_mapping": "AWS::Lambda::EventSourceMapping",
    "aws_cloudwatch_event_rule": "AWS::Events::Rule",
    "aws_lambda_permission": "AWS::Lambda::Permission",
    "aws_lambda_function_url": "AWS::Lambda::Url",
    "aws_cloudwatch_metric_alarm": "AWS::CloudWatch::Alarm",
}
# Parts of another resource there, which CloudFormation has inside it.
PARTS = {"aws_iam_role_policy", "aws_cloudwatch_event_target", "aws_secretsmanager_secret_version"}
# What the event source of a queue asks with the function's role.
SOURCE_ACTIONS = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
# What the program asks of its own queues: reminders are sent, a queue is found and looked at.
OWN_ACTIONS = {"sqs:SendMessage", "sqs:GetQueueUrl", "sqs:GetQueueAttributes"}


def camel(name):
    return "".join(word.capitalize() for word in name.split("_"))


def plain(value):
    """hcl2 keeps the quotes of texts."""
    if isinstance(value, dict):
        return {plain(k): plain(v) for k, v in value.items() if not k.startswith("__")}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value[1:-1] if isinstance(value, str) and value[:1] == value[-1:] == '"' else value


def only(blocks):
    must(len(blocks) == 1, f"{len(blocks)} blocks")
    return blocks[0]


class Forms:
    def __init__(self):
        self.template = cfnlint.decode.cfn_yaml.load(str(TEMPLATE))
        self.resources = self.template["Resources"]
        self.text = MODULE.read_text()
        self.module = plain(hcl2.loads(self.text))
        self.terraform, self.parts = {}, {}
        for block in self.module["resource"]:
            for kind, named in block.items():
                for name, body in named.items():
                    place = self.parts if kind in PARTS else self.terraform
                    place[kind, name] = body

    def sam(self, name):
        return self.resources[name]["Properties"]

    def tf(self, kind, name):
        return self.terraform["aws_" + kind, name]

    def policies(self):
        """{sid: actions} of both."""
        inline = only(self.sam("Role")["Policies"])["PolicyDocument"]["Statement"]
        document = next(d["aws_iam_policy_document"]["role"] for d in self.module["data"]
                        if "aws_iam_policy_document" in d)
        return ({s["Sid"]: actions(s["Action"]) for s in inline},
                {s["sid"]: actions(s["actions"]) for s in document["statement"]})


def actions(value):
    return sorted([value] if isinstance(value, str) else value)


def lint(text):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        program = pathlib.Path(sys.executable).parent / "cfn-lint"
        done = subprocess.run([program, "-r", "us-east-1", "eu-central-1", "ap-southeast-2", "-t",
                               file.name], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def lints():
    code, said = lint(TEMPLATE.read_text())
    must(code == 0, said)


def lint_finds_faults():
    text = TEMPLATE.read_text()
    for fault in (("!GetAtt DeadLetters.Arn", "!GetAtt DeadLetter.Arn"),
                  ("VisibilityTimeout: 360 #", "VisibilityTimeouts: 360 #"),
                  ("MemorySize: !Ref Memory", "MemorySizes: !Ref Memory"),
                  ("FunctionResponseTypes: [ReportBatchItemFailures]",
                   "FunctionResponseTypes: [ReportBatchItems]"),
                  ("InvokedViaFunctionUrl: true", "InvokedByFunctionUrl: true")):
        must(fault[0] in text, f"{fault[0]} is not there any more")
        code, said = lint(text.replace(*fault))
        must(code != 0, f"{fault[1]} passes: {said}")
        must(any(w in said for w in re.findall(r"\w{6,}", fault[1])), f"{fault[1]}: {said}")


def names_are_declared(forms):
    """Each name that the module uses is one that it declares."""
    declared = {f"{kind}.{name}" for kind, name in (*forms.terraform, *forms.parts)}
    declared |= {f"var.{name}" for block in forms.module["variable"] for name in block}
    declared |= {f"local.{name}" for block in forms.module["locals"] for name in block}
    for word in ("data", "ephemeral"):
        declared |= {f"{word}.{kind}.{name}" for block in forms.module[word]
                     for kind, named in block.items() for name in named}
    code = re.sub(r"(?m)#.*$", "", forms.text)
    used = set(re.findall(r"\b(?:var|local)\.\w+", code))
    used |= set(re.findall(r"\b(?:data|ephemeral)\.aws_\w+\.\w+", code))
    used |= set(re.findall(r"(?<![\w.])aws_\w+\.\w+", code))
    must(used <= declared, f"not declared: {sorted(used - declared)}")
    unused = {name for name in declared if name.startswith(("var.", "local."))} - used
    must(not unused, f"without effect: {sorted(unused)}")


def sam_set(forms):
    return {(name, r["Type"].replace("Serverless", "Lambda")) for name, r in forms.resources.items()}


def makes_the_same(forms):
    ours = {(camel(name), TERRAFORM_TYPES[kind]) for kind, name in forms.terraform}
    must(ours == sam_set(forms), f"only in one: {sorted(ours ^ sam_set(forms))}")
    must({name for _, name in forms.parts} == {"role", "tick", "secret"}, forms.parts.keys())


def is_configured_the_same(forms):
    for name in ("events", "dead_letters", "timers"):
        sam, tf = forms.sam(camel(name)), forms.tf("sqs_queue", name)
        for a, b in (("VisibilityTimeout", "visibility_timeout_seconds"),
                     ("MessageRetentionPeriod", "message_retention_seconds"),
                     ("SqsManagedSseEnabled", "sqs_managed_sse_enabled")):
            must(sam.get(a) == tf.get(b), f"{name}: {a} {sam.get(a)} is not {tf.get(b)}")
    for name in ("events_source", "timers_source"):
        sam = forms.sam(camel(name))
        tf = forms.tf("lambda_event_source_mapping", name)
        must(sam["FunctionResponseTypes"] == tf["function_response_types"]
             == ["ReportBatchItemFailures"], name)
        must(sam["BatchSize"] == tf["batch_size"], name)
        must("MaximumConcurrency" in sam["ScalingConfig"] and
             "maximum_concurrency" in only(tf["scaling_config"]), f"{name} is not bounded")
    sam, tf = forms.sam("Function"), forms.tf("lambda_function", "function")
    must((sam["Runtime"], sam["Handler"], sam["Timeout"])
         == (tf["runtime"], tf["handler"], tf["timeout"]), "the functions differ")
    must(forms.sam("Tick")["ScheduleExpression"]
         == forms.tf("cloudwatch_event_rule", "tick")["schedule_expression"], "the ticks differ")
    for name in ("dead_letters_alarm", "age_alarm", "errors_alarm", "throttles_alarm"):
        sam, tf = forms.sam(camel(name)), forms.tf("cloudwatch_metric_alarm", name)
        for a, b in (("Namespace", "namespace"), ("MetricName", "metric_name"),
                     ("Statistic", "statistic"), ("Period", "period"), ("Threshold", "threshold"),
                     ("EvaluationPeriods", "evaluation_periods"),
                     ("AlarmDescription", "alarm_description"),
                     ("ComparisonOperator", "comparison_operator")):
            must(sam[a] == tf[b], f"{name}: {sam[a]} is not {tf[b]}")


def defaults_are_the_same(forms):
    tf = {name: body.get("default") for block in forms.module["variable"]
          for name, body in block.items()}
    for name, parameter in forms.template["Parameters"].items():
        snake = re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
        must(snake in tf, f"the module lacks {snake}")
        must(tf.pop(snake) == parameter.get("Default"), f"{name} has another default")
    must(set(tf) == {"name", "package"}, f"only in the module: {sorted(tf)}")


def redrives(forms):
    sam = forms.sam("Events")["RedrivePolicy"]
    tf = forms.tf("sqs_queue", "events")["redrive_policy"]
    must(sam["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}, sam)
    must(f"maxReceiveCount = {sam['maxReceiveCount']}" in tf and "dead_letters.arn" in tf, tf)
    visible = forms.sam("Events")["VisibilityTimeout"]
    must(visible >= 6 * forms.sam("Function")["Timeout"], "AWS asks for six times the timeout")


def grants_what_is_used(forms):
    sam, tf = forms.policies()
    must(sam == tf, f"{sam} is not {tf}")
    header = (ROOT / "src/queue/queue_sqs_int.h").read_text()
    used = re.findall(r'X\(FAR_\w+, "(\w+)"\)', header)
    must(len(used) >= 10, "the driver's actions are not where they were")
    tasks = {"sqs:" + name.removesuffix("Batch") for name in used}
    secret = re.findall(r'"secretsmanager\.(\w+)"', (ROOT / "src/app/secret.c").read_text())
    want = {"TaskQueues": sorted(tasks), "OwnQueues": sorted(SOURCE_ACTIONS | OWN_ACTIONS),
            "Secret": ["secretsmanager:" + only(secret)],
            "Logs": ["logs:CreateLogStream", "logs:PutLogEvents"]}
    must(sam == want, f"{sam} is not {want}")
    must(OWN_ACTIONS <= tasks, "the driver does not ask that of any queue")
    everything = json.dumps(only(forms.sam("Role")["Policies"]))
    must('"*"' not in everything and '"*"' not in forms.text.split("iam_policy_document")[1]
         .split("# --- what calls it")[0], "a policy names everything")


def tells_what_the_program_reads(forms):
    sam = forms.sam("Function")["Environment"]["Variables"]
    tf = only(forms.tf("lambda_function", "function")["environment"])["variables"]
    must(set(sam) == set(tf), f"{sorted(sam)} is not {sorted(tf)}")
    read = "".join((ROOT / "src/app" / name).read_text() for name in ("config.c", "secret.c"))
    for name in sam:
        must(f'"{name}"' in read, f"{name} is read by nobody")
    template = forms.sam("Secret")["GenerateSecretString"]
    must(template["GenerateStringKey"] == "SWM_ADMIN_KEY", template)
    must("SWM_STORE" in str(template["SecretStringTemplate"]), template)
    must("SWM_ADMIN_KEY" not in sam and "SWM_STORE" not in sam, "a secret is in the environment")
    must(re.search(r"secret_string\s*=", forms.text) is None, "a secret gets into the state")


def plans_the_same(forms):
    done = subprocess.run([PROGRAM, "deploy", "lambda", "--plan", "--json"], capture_output=True,
                          text=True)
    must(done.returncode == 0, done.stderr)
    plan = json.loads(done.stdout)
    said = {(r["name"], r["type"]) for r in plan["resources"]}
    must(said == sam_set(forms), f"only in one: {sorted(said ^ sam_set(forms))}")
    idle = sum(r["idle_usd_per_month"] for r in plan["resources"])
    must(abs(idle - plan["idle_usd_per_month"]) < 0.05, plan)
    people = subprocess.run([PROGRAM, "deploy", "lambda", "--plan"], capture_output=True, text=True)
    for name, kind in said:
        must(re.search(rf"^ *{name} +{kind} ", people.stdout, re.M), f"{name} is not shown")


def makes_nothing_itself():
    done = subprocess.run([PROGRAM, "deploy", "lambda"], capture_output=True, text=True)
    must(done.returncode == 2 and "--plan" in done.stderr, done)


def main():
    cases = Cases()
    cases.check("deploy: the SAM template passes cfn-lint", lints)
    cases.check("deploy: cfn-lint finds faults in it", lint_finds_faults)
    forms = cases.check("deploy: both forms can be read", Forms)
    if forms:
        for name, check in (
                ("the module uses the names that it declares", names_are_declared),
                ("both forms make the same set", makes_the_same),
                ("both forms configure it the same", is_configured_the_same),
                ("both have the same parameters", defaults_are_the_same),
                ("what fails goes to the dead letters", redrives),
                ("what is granted is what the program uses", grants_what_is_used),
                ("the function is told what it reads, and no secret", tells_what_the_program_reads),
                ("swm deploy lambda --plan tells the same", plans_the_same)):
            cases.check("deploy: " + name, check, forms)
    cases.check("deploy: without --plan nothing is done", makes_nothing_itself)
    cases.finish()


main()
