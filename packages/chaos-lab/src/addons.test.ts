import { describe, expect, test } from 'vitest';
import { leanDefinition, parseManifest, rewriteOperator } from './addons.ts';
import { applyStages } from './apply.ts';
import { fill } from './package-files.ts';

const release = `
apiVersion: v1
kind: Namespace
metadata: { name: cnpg-system }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: cnpg-controller-manager, namespace: cnpg-system }
spec:
  template:
    spec:
      containers:
        - name: manager
          image: example.org/operator:1
          imagePullPolicy: Always
          env:
            - { name: OPERATOR_IMAGE_NAME, value: 'example.org/operator:1' }
            - { name: MONITORING_QUERIES_CONFIGMAP, value: cnpg-default-monitoring }
          startupProbe: { failureThreshold: 6, periodSeconds: 5, httpGet: { path: /readyz, port: 9443 } }
---
`;
const images = { operator: 'lab/operator:k', operand: 'lab/postgresql:17.6-k' };

describe('the operator', () => {
  const [namespace, deployment] = rewriteOperator(parseManifest(release), images);

  test('runs and hands out the lab images, never pulled', () => {
    expect(deployment).toMatchObject({
      spec: {
        template: {
          spec: {
            containers: [
              {
                image: 'lab/operator:k',
                imagePullPolicy: 'IfNotPresent',
                env: [
                  { name: 'OPERATOR_IMAGE_NAME', value: 'lab/operator:k' },
                  { name: 'MONITORING_QUERIES_CONFIGMAP', value: 'cnpg-default-monitoring' },
                  { name: 'POSTGRES_IMAGE_NAME', value: 'lab/postgresql:17.6-k' },
                ],
                startupProbe: { periodSeconds: 1, failureThreshold: 120, httpGet: { path: '/readyz', port: 9443 } },
              },
            ],
          },
        },
      },
    });
    expect(namespace?.kind).toBe('Namespace');
  });

  test('in a manifest of another shape is an error, not an unchanged manifest', () => {
    expect(() => rewriteOperator(parseManifest(release.replace('name: manager', 'name: other')), images)).toThrow(
      "has 0 containers 'manager'",
    );
    expect(() => rewriteOperator([], images)).toThrow('expected 1');
  });
});

test('a manifest that does not parse says where', () => {
  expect(() => parseManifest('a: [')).toThrow('does not parse');
  expect(() => parseManifest('just: data')).toThrow('not a Kubernetes object');
});

test('a placeholder without a value never reaches a node', () => {
  expect(fill('image: {{A}} {{A}} {{B}}', { A: 'x', B: 'y' })).toBe('image: x x y');
  expect(() => fill('{{LOST}}', {})).toThrow('{{LOST}}');
});

test('what others refer to is applied first, and everything is applied', () => {
  const kinds = [
    'Deployment',
    'ClusterRoleBinding',
    'ConfigMap',
    'Namespace',
    'CustomResourceDefinition',
    'ValidatingWebhookConfiguration',
  ];
  const objects = kinds.map((kind) => ({ apiVersion: 'v1', kind, metadata: { name: kind } }));
  const stages = applyStages(objects).map((stage) => stage.map(({ kind }) => kind));
  expect(stages).toEqual([
    ['Namespace', 'CustomResourceDefinition'],
    ['ConfigMap'],
    ['ClusterRoleBinding'],
    ['Deployment', 'ValidatingWebhookConfiguration'],
  ]);
});

test('a definition loses its descriptions and its status, and nothing else', () => {
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'x' },
    spec: {
      schema: {
        description: 'long',
        properties: { description: { type: 'string', description: 'text' }, items: [{ description: 'x', a: 1 }] },
      },
    },
    status: { conditions: [] },
  };
  expect(leanDefinition(definition)).toEqual({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'x' },
    spec: { schema: { properties: { description: { type: 'string' }, items: [{ a: 1 }] } } },
  });
});
