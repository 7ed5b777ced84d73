// Templates that the tests of their views share.
import { HOSTILE } from './_page.mjs';

export const ORDER = `# What comes in is checked before anything starts.
name: order
description: From order to doorstep
key: ORDER-\${ .input.number }
input:
  type: object
  required: [number, dish, address]
  properties:
    number: {type: integer, minimum: 1, title: Order number, examples: [4711]}
    dish: {enum: [Margherita, Marinara]}
    address:
      type: object
      required: [street]
      properties:
        street: {type: string, minLength: 2, maxLength: 60, description: With the house number}
        floor: {type: [integer, "null"]}
    price: {type: number, default: 7.50}
    extras:
      type: array
      maxItems: 3
      items: {type: string}
    is_gift: {type: boolean}
stages:
  - name: order
    tasks:
      - {name: confirm, queue: confirm_queue, business_status: CONFIRMED}
  - name: prepare
    tasks:
      - name: cook
        queue: cook_queue
        retry: {max_attempts: 5, delay: 2s}
        input: {dish: "\${ .input.dish }", price: "\${ .input.price }"}
      - {name: pack, queue: pack_queue, needs: [cook]}
  - name: deliver
    tasks:
      - name: hand_over
        human: {assignee: courier, due: 30m}
output: {driver: "\${ .tasks.pack.output.driver }"}
`;

/** The same with a task more, one less, one changed. */
export const ORDER_2 = ORDER.replace('max_attempts: 5', 'max_attempts: 8')
  .replace(
    '      - {name: pack, queue: pack_queue, needs: [cook]}\n',
    '      - {name: taste, queue: taste_queue, needs: [cook]}\n',
  )
  .replace('.tasks.pack.output', '.tasks.taste.output');

export const EARLIER = JSON.stringify(
  {
    workflow_name: HOSTILE,
    component_name: 'HOSTILE',
    further: HOSTILE,
    stages: [
      {
        stage_name: HOSTILE.replaceAll('/', ''),
        stage_order: 1,
        tasks: [
          {
            task_name: HOSTILE.replaceAll('/', ''),
            parent_task: [],
            task_type: 'HUMAN',
            assigned_to: HOSTILE,
          },
        ],
      },
    ],
  },
  null,
  2,
);
