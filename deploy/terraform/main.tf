# swm in AWS Lambda, as a Terraform module. It makes what ../template.yaml makes; see
# docs/serverless.md. Neither the store's address nor the admin key gets into the state.
terraform {
  required_version = ">= 1.11"
  required_providers {
    aws = { source = "hashicorp/aws", version = ">= 6.28" }
  }
}

variable "name" {
  type        = string
  default     = "swm"
  description = "What everything is named after"
}

variable "store" {
  type        = string
  ephemeral   = true
  sensitive   = true
  description = "The MongoDB address; it is kept in the secret. To change it later, edit the secret"
  validation {
    condition     = can(regex("^mongodb(\\+srv)?://\\S+$", var.store))
    error_message = "An address mongodb://… or mongodb+srv://…"
  }
}

variable "task_queue_prefix" {
  type        = string
  description = "What the names of your task queues begin with; the function may use no others"
  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,60}$", var.task_queue_prefix))
    error_message = "1 to 60 letters, digits, - and _."
  }
}

variable "package" {
  type        = string
  description = "The file that `make lambda` made for the architecture"
}

variable "architecture" {
  type    = string
  default = "arm64"
  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "arm64 or x86_64."
  }
}

variable "memory" {
  type        = number
  default     = 256
  description = "MB; the processor's share grows with it"
}

variable "maximum_concurrency" {
  type        = number
  default     = 10
  description = "How many batches of events are worked on at once"
}

variable "retention" {
  type        = string
  default     = "keep"
  description = "How long finished instances are kept, such as 30d; keep is for ever"
}

variable "log_days" {
  type    = number
  default = 30
}

variable "alarm_topic" {
  type        = string
  default     = ""
  description = "ARN of an SNS topic that is told of alarms; empty, they only show"
}

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}
data "aws_region" "this" {}

locals {
  alarm_actions = var.alarm_topic == "" ? [] : [var.alarm_topic]
  sqs           = "arn:${data.aws_partition.this.partition}:sqs:${data.aws_region.this.region}:${data.aws_caller_identity.this.account_id}"
}

# --- queues ---

resource "aws_sqs_queue" "events" {
  name                       = "${var.name}-events"
  visibility_timeout_seconds = 360 # six times the function's timeout
  message_retention_seconds  = 1209600
  sqs_managed_sse_enabled    = true
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    maxReceiveCount     = 20
  })
}

resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.name}-dead-letters"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

# What is lost here is found by the next tick.
resource "aws_sqs_queue" "timers" {
  name                       = "${var.name}-timers"
  visibility_timeout_seconds = 360
  message_retention_seconds  = 3600
  sqs_managed_sse_enabled    = true
}

# --- the function ---

resource "aws_secretsmanager_secret" "secret" {
  name_prefix = "${var.name}-"
  description = "The store's address and the first admin key of swm"
}

ephemeral "aws_secretsmanager_random_password" "admin_key" {
  password_length     = 40
  exclude_punctuation = true
}

# Written once: a higher version writes it again, with another key.
resource "aws_secretsmanager_secret_version" "secret" {
  secret_id = aws_secretsmanager_secret.secret.id
  secret_string_wo = jsonencode({
    SWM_STORE     = var.store
    SWM_ADMIN_KEY = ephemeral.aws_secretsmanager_random_password.admin_key.random_password
  })
  secret_string_wo_version = 1
}

resource "aws_cloudwatch_log_group" "logs" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_days
}

resource "aws_iam_role" "role" {
  name_prefix = "${var.name}-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "role" {
  name   = "swm"
  role   = aws_iam_role.role.id
  policy = data.aws_iam_policy_document.role.json
}

data "aws_iam_policy_document" "role" {
  statement {
    sid = "OwnQueues"
    actions = [
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:GetQueueUrl",
      "sqs:ReceiveMessage",
      "sqs:SendMessage",
    ]
    resources = [aws_sqs_queue.events.arn, aws_sqs_queue.timers.arn]
  }
  statement {
    sid = "TaskQueues"
    actions = [
      "sqs:ChangeMessageVisibility",
      "sqs:CreateQueue",
      "sqs:DeleteMessage",
      "sqs:DeleteQueue",
      "sqs:GetQueueAttributes",
      "sqs:GetQueueUrl",
      "sqs:PurgeQueue",
      "sqs:ReceiveMessage",
      "sqs:SendMessage",
      "sqs:SetQueueAttributes",
    ]
    resources = ["${local.sqs}:${var.task_queue_prefix}*"]
  }
  statement {
    sid       = "Secret"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.secret.arn]
  }
  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.logs.arn}:*"]
  }
}

resource "aws_lambda_function" "function" {
  function_name    = var.name
  runtime          = "provided.al2023"
  architectures    = [var.architecture]
  handler          = "bootstrap"
  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  memory_size      = var.memory
  timeout          = 60
  role             = aws_iam_role.role.arn
  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.logs.name
  }
  environment {
    variables = {
      SWM_SECRET    = aws_secretsmanager_secret.secret.arn
      SWM_QUEUE     = "sqs://${data.aws_region.this.region}?events=${aws_sqs_queue.events.name}&timers=${aws_sqs_queue.timers.name}"
      SWM_TICK      = "60s"
      SWM_RETENTION = var.retention
    }
  }
  depends_on = [aws_iam_role_policy.role, aws_secretsmanager_secret_version.secret]
}

# --- what calls it ---

resource "aws_lambda_event_source_mapping" "events_source" {
  function_name           = aws_lambda_function.function.arn
  event_source_arn        = aws_sqs_queue.events.arn
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]
  scaling_config { maximum_concurrency = var.maximum_concurrency }
}

resource "aws_lambda_event_source_mapping" "timers_source" {
  function_name           = aws_lambda_function.function.arn
  event_source_arn        = aws_sqs_queue.timers.arn
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]
  scaling_config { maximum_concurrency = var.maximum_concurrency }
}

resource "aws_cloudwatch_event_rule" "tick" {
  name_prefix         = "${var.name}-"
  description         = "What is due is woken"
  schedule_expression = "rate(1 minute)"
}

resource "aws_cloudwatch_event_target" "tick" {
  rule = aws_cloudwatch_event_rule.tick.name
  arn  = aws_lambda_function.function.arn
}

resource "aws_lambda_permission" "tick_permission" {
  function_name = aws_lambda_function.function.function_name
  action        = "lambda:InvokeFunction"
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.tick.arn
}

# The API and the page; swm checks the keys.
resource "aws_lambda_function_url" "url" {
  function_name      = aws_lambda_function.function.function_name
  authorization_type = "NONE"
}

resource "aws_lambda_permission" "url_permission" {
  function_name          = aws_lambda_function.function.function_name
  action                 = "lambda:InvokeFunctionUrl"
  principal              = "*"
  function_url_auth_type = "NONE"
}

# Function URLs ask for both.
resource "aws_lambda_permission" "url_invoke_permission" {
  function_name            = aws_lambda_function.function.function_name
  action                   = "lambda:InvokeFunction"
  principal                = "*"
  invoked_via_function_url = true
}

# --- alarms ---

resource "aws_cloudwatch_metric_alarm" "dead_letters_alarm" {
  alarm_name          = "${var.name}-dead-letters"
  alarm_description   = "Events have failed 20 times. Read them, mend the cause, redrive the queue"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead_letters.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "age_alarm" {
  alarm_name          = "${var.name}-age"
  alarm_description   = "An event has waited for five minutes. Is the store reachable, is the concurrency enough?"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.events.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 3
  threshold           = 300
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "errors_alarm" {
  alarm_name          = "${var.name}-errors"
  alarm_description   = "The function fails. Its log says why"
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = aws_lambda_function.function.function_name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 3
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "throttles_alarm" {
  alarm_name          = "${var.name}-throttles"
  alarm_description   = "AWS Lambda refuses calls of the function. Is the account's concurrency used up?"
  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = aws_lambda_function.function.function_name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 3
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

output "url" {
  value       = aws_lambda_function_url.url.function_url
  description = "The API and the page; SWM_URL of the commands"
}

output "events" {
  value       = aws_sqs_queue.events.url
  description = "The queue that workers answer to"
}

output "secret" {
  value       = aws_secretsmanager_secret.secret.arn
  description = "Holds the first admin key; SWM_TOKEN of the commands"
}
