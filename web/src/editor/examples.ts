// What a new template may begin with. Each is valid as it is.

export type Example = { id: string; title: string; text: string };

export const EXAMPLES: Example[] = [
  {
    id: 'queue',
    title: 'One task for a queue',
    text: `name: my-workflow
description: What it is for

stages:
  - name: work
    tasks:
      - name: first_task
        queue: first_task_queue
`,
  },
  {
    id: 'order',
    title: 'An order, from the kitchen to the door',
    text: `name: my-order
description: From order to doorstep
key: \${ .input.order_id }

input:
  type: object
  required: [order_id, dish]
  properties:
    order_id: {type: string, title: Order number, examples: [ORDER-1]}
    dish: {type: string, enum: [Margherita, Marinara, Calzone]}
    guests: {type: integer, minimum: 1, maximum: 20, default: 2}

defaults:
  retry: {max_attempts: 5, delay: 2s, max_delay: 1m, jitter: full}
  timeout: {running: 10m}

stages:
  - name: order
    tasks:
      - {name: confirm_order, queue: confirm_order_queue, business_status: ORDER CONFIRMED}

  - name: prepare
    tasks:
      - name: make_food
        queue: make_food_queue
        input: {dish: "\${ .input.dish }"}
      - name: assign_driver
        queue: assign_driver_queue
      - name: hand_over
        queue: hand_over_queue
        needs: [make_food, assign_driver]
        input: {driver: "\${ .tasks.assign_driver.output.driver }"}
        business_status: FOOD ON THE WAY

  - name: deliver
    tasks:
      - name: confirm_delivery
        human:
          assignee: driver
          due: 30m
          form: {type: object, properties: {tip: {type: number, minimum: 0}}}
        business_status: FOOD DELIVERED

output: {driver: "\${ .tasks.assign_driver.output.driver }"}
`,
  },
  {
    id: 'person',
    title: 'An approval by a person',
    text: `name: my-approval
description: Somebody decides, then it is carried out

input:
  type: object
  required: [what]
  properties:
    what: {type: string, minLength: 1, title: What is asked for}

stages:
  - name: decide
    tasks:
      - name: approve
        human:
          group: approvers
          due: 1d
          form:
            type: object
            required: [approved]
            properties:
              approved: {type: boolean}
              comment: {type: string, maxLength: 1000}
        business_status: DECIDED

  - name: carry_out
    tasks:
      - name: carry_out
        queue: carry_out_queue
        input: {what: "\${ .input.what }", approved: "\${ .tasks.approve.output.approved }"}
`,
  },
  {
    id: 'json',
    title: 'The same in JSON',
    text: `{
  "name": "my-workflow",
  "description": "What it is for",
  "stages": [
    {
      "name": "work",
      "tasks": [
        {"name": "first_task", "queue": "first_task_queue"}
      ]
    }
  ]
}
`,
  },
];
