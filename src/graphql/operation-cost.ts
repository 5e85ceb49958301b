import {
  type DirectiveNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';

/** Mutations that move money, or promise it: they are not done when nobody can tell how many there were. */
export const MONEY_FIELDS: ReadonlySet<string> = new Set([
  'sendGift',
  'buyCoins',
  'buyNow',
  'cancelOrder',
  'requestRefund',
  'approveRefund',
  'refundOrder',
  'resolveDispute',
  'skipReaction',
  'fundTreasureBox',
  'claimTreasureBox',
  'requestPayout',
  'disputeCoinPurchase',
]);

/** How many root fields an operation executes, and how many of them move money. */
export type OperationCost = { points: number; money: number };

type Variables = { readonly [name: string]: unknown } | null | undefined;

/** Of operations whose cost does not depend on variables. */
const known = new WeakMap<OperationDefinitionNode, OperationCost>();

/** What an operation of a valid document costs: a point for each root field that is executed, under whatever alias. */
export function costOf(
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Variables,
): OperationCost {
  const cached = known.get(operation);
  if (cached) return cached;
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  let isFixed = true;
  const included = (directives: readonly DirectiveNode[] | undefined): boolean => {
    if (!directives || directives.length === 0) return true;
    isFixed = false;
    return directives.every((directive) => !leavesOut(directive, operation, variables));
  };
  // Fields of one response name are one execution.
  const fields = new Map<string, FieldNode>();
  const spread = new Set<string>();
  const collect = ({ selections }: SelectionSetNode): void => {
    for (const selection of selections) {
      if (!included(selection.directives)) continue;
      if (selection.kind === Kind.FIELD) {
        fields.set(selection.alias?.value ?? selection.name.value, selection);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        collect(selection.selectionSet);
      } else if (!spread.has(selection.name.value)) {
        spread.add(selection.name.value);
        const fragment = fragments.get(selection.name.value);
        if (fragment) collect(fragment.selectionSet);
      }
    }
  };
  collect(operation.selectionSet);
  const names = [...fields.values()].map(({ name }) => name.value).filter((name) => name !== '__typename');
  const money = operation.operation === 'mutation' ? names.filter((name) => MONEY_FIELDS.has(name)).length : 0;
  const cost = { points: names.length, money };
  if (isFixed) known.set(operation, cost);
  return cost;
}

/** Whether `@skip` or `@include` leaves out what it stands at; in doubt it does not. */
function leavesOut({ name, arguments: args }: DirectiveNode, operation: OperationDefinitionNode, variables: Variables) {
  if (name.value !== 'skip' && name.value !== 'include') return false;
  const condition = args?.find((argument) => argument.name.value === 'if')?.value;
  const value = condition?.kind === Kind.VARIABLE ? variableOf(condition.name.value, operation, variables) : condition;
  const truth = typeof value === 'boolean' ? value : value?.kind === Kind.BOOLEAN ? value.value : undefined;
  return truth !== undefined && truth === (name.value === 'skip');
}

function variableOf(name: string, { variableDefinitions }: OperationDefinitionNode, variables: Variables) {
  const given = variables?.[name];
  if (typeof given === 'boolean') return given;
  return variableDefinitions?.find(({ variable }) => variable.name.value === name)?.defaultValue;
}
