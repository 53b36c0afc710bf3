/** What a command on a node said. */
export interface NodeCommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Power over the machines of a cluster. The local lab has it; a cluster from a kubeconfig does not. */
export interface LabControl {
  /** Name of the lab. */
  readonly name: string;
  /** Name of the machine that runs the control plane. It is no Kubernetes node. */
  readonly controlPlane: string;
  /**
   * Runs a command on a machine, without Kubernetes.
   *
   * @throws when there is no such machine, or after 60 s
   */
  exec(machine: string, argv: readonly string[], signal?: AbortSignal): Promise<NodeCommandResult>;
}
