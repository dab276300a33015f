{{/* The pod of the Deployment and of the StatefulSet. */}}
{{- define "avepoint-exporter.pod" -}}
metadata:
  labels:
    {{- toYaml (merge (include "avepoint-exporter.podSelectorLabels" . | fromYaml) (include "avepoint-exporter.labels" . | fromYaml) (default dict .Values.podLabels)) | nindent 4 }}
  annotations:
    kubectl.kubernetes.io/default-container: exporter
    {{- if .Values.accounts }}
    checksum/config: {{ include "avepoint-exporter.config" . | sha256sum }}
    checksum/credentials: {{ include "avepoint-exporter.inlineSecrets" . | sha256sum }}
    {{- end }}
    {{- if include "avepoint-exporter.ownWebConfig" . }}
    checksum/web: {{ include "avepoint-exporter.webConfig" . | sha256sum }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "avepoint-exporter.serviceAccountName" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with include "avepoint-exporter.imagePullSecrets" . }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- if not (kindIs "invalid" .Values.hostUsers) }}
  hostUsers: {{ .Values.hostUsers }}
  {{- end }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  {{- with .Values.extraInitContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: exporter
      image: {{ include "avepoint-exporter.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      {{- if or .Values.demo.enabled .Values.extraArgs }}
      args:
        {{- if .Values.demo.enabled }}
        - demo
        - --customers={{ int .Values.demo.customers }}
        {{- end }}
        {{- range .Values.extraArgs }}
        - {{ . | quote }}
        {{- end }}
      {{- end }}
      env:
        {{- include "avepoint-exporter.env" . | nindent 8 }}
      {{- with .Values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: metrics
          containerPort: 10087
          protocol: TCP
      {{- if .Values.startupProbe.enabled }}
      startupProbe:
        {{- include "avepoint-exporter.probe" (list . "/-/healthy") | nindent 8 }}
        {{- toYaml (omit .Values.startupProbe "enabled") | nindent 8 }}
      {{- end }}
      livenessProbe:
        {{- include "avepoint-exporter.probe" (list . "/-/healthy") | nindent 8 }}
        {{- toYaml .Values.livenessProbe | nindent 8 }}
      readinessProbe:
        {{- include "avepoint-exporter.probe" (list . "/-/ready") | nindent 8 }}
        {{- toYaml .Values.readinessProbe | nindent 8 }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      {{- with include "avepoint-exporter.volumeMounts" . | trim }}
      volumeMounts:
        {{- . | nindent 8 }}
      {{- end }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with include "avepoint-exporter.volumes" . | trim }}
  volumes:
    {{- . | nindent 4 }}
  {{- end }}
  {{- range $key := list "priorityClassName" "runtimeClassName" "schedulerName" "dnsPolicy" }}
  {{- with index $.Values $key }}
  {{ $key }}: {{ . | quote }}
  {{- end }}
  {{- end }}
  {{- range $key := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "hostAliases" "dnsConfig" }}
  {{- with index $.Values $key }}
  {{ $key }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
{{- end -}}

{{- define "avepoint-exporter.env" -}}
- name: AVEPOINT_EXPORTER_WEB_LISTEN_ADDRESS
  value: ":10087"
- name: AVEPOINT_EXPORTER_LOG_LEVEL
  value: {{ .Values.log.level }}
- name: AVEPOINT_EXPORTER_LOG_FORMAT
  value: {{ .Values.log.format }}
{{- if not .Values.demo.enabled }}
- name: AVEPOINT_EXPORTER_CONFIG_FILE
  value: /etc/avepoint-exporter/config/config.yaml
{{- end }}
{{- if or .Values.web.existingSecret.name (include "avepoint-exporter.ownWebConfig" .) }}
- name: AVEPOINT_EXPORTER_WEB_CONFIG_FILE
  value: /etc/avepoint-exporter/web/web-config.yaml
{{- end }}
{{- if .Values.web.enableLifecycle }}
- name: AVEPOINT_EXPORTER_WEB_ENABLE_LIFECYCLE
  value: "true"
{{- end }}
{{- if .Values.persistence.enabled }}
- name: AVEPOINT_EXPORTER_STORAGE_PATH
  value: /var/lib/avepoint-exporter
{{- end }}
{{- with .Values.storage.existingSecret }}
{{- if .name }}
- name: AVEPOINT_EXPORTER_STORAGE_URL
  valueFrom:
    secretKeyRef:
      name: {{ .name | quote }}
      key: {{ .key | quote }}
{{- end }}
{{- end }}
{{- if include "avepoint-exporter.sharded" . }}
# The name of the pod ends in its ordinal, which is the index of the shard.
- name: AVEPOINT_EXPORTER_SHARD
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: AVEPOINT_EXPORTER_TOTAL_SHARDS
  value: {{ int .Values.shards | quote }}
{{- end }}
{{- with .Values.proxy.httpProxy }}
- name: HTTP_PROXY
  value: {{ . | quote }}
{{- end }}
{{- with .Values.proxy.httpsProxy }}
- name: HTTPS_PROXY
  value: {{ . | quote }}
{{- end }}
{{- with .Values.proxy.noProxy }}
- name: NO_PROXY
  value: {{ . | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "avepoint-exporter.volumeMounts" -}}
{{- if or .Values.accounts .Values.existingConfig.configMap .Values.existingConfig.secret }}
- name: config
  mountPath: /etc/avepoint-exporter/config
  readOnly: true
{{- end }}
{{- if include "avepoint-exporter.secretSources" . }}
- name: secrets
  mountPath: {{ include "avepoint-exporter.secretsFolder" . }}
  readOnly: true
{{- end }}
{{- if or .Values.web.existingSecret.name (include "avepoint-exporter.ownWebConfig" .) }}
- name: web
  mountPath: /etc/avepoint-exporter/web
  readOnly: true
{{- end }}
{{- if .Values.web.tls.secretName }}
- name: tls
  mountPath: /etc/avepoint-exporter/tls
  readOnly: true
{{- end }}
{{- if or .Values.ca.configMap .Values.ca.secret }}
- name: ca
  mountPath: /etc/avepoint-exporter/ca
  readOnly: true
{{- end }}
{{- if .Values.persistence.enabled }}
- name: storage
  mountPath: /var/lib/avepoint-exporter
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "avepoint-exporter.volumes" -}}
{{- if .Values.accounts }}
- name: config
  configMap:
    name: {{ include "avepoint-exporter.fullname" . }}
{{- else if .Values.existingConfig.configMap }}
- name: config
  configMap:
    name: {{ .Values.existingConfig.configMap | quote }}
    items:
      - key: {{ .Values.existingConfig.key | quote }}
        path: config.yaml
{{- else if .Values.existingConfig.secret }}
- name: config
  secret:
    secretName: {{ .Values.existingConfig.secret | quote }}
    defaultMode: 0440
    items:
      - key: {{ .Values.existingConfig.key | quote }}
        path: config.yaml
{{- end }}
{{- with include "avepoint-exporter.secretSources" . }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- . | trim | nindent 6 }}
{{- end }}
{{- if .Values.web.existingSecret.name }}
- name: web
  secret:
    secretName: {{ .Values.web.existingSecret.name | quote }}
    defaultMode: 0440
    items:
      - key: {{ .Values.web.existingSecret.key | quote }}
        path: web-config.yaml
{{- else if include "avepoint-exporter.ownWebConfig" . }}
- name: web
  secret:
    secretName: {{ include "avepoint-exporter.webSecret" . }}
    defaultMode: 0440
{{- end }}
{{- with .Values.web.tls }}
{{- if .secretName }}
- name: tls
  secret:
    secretName: {{ .secretName | quote }}
    defaultMode: 0440
    items:
      - key: {{ .certKey | quote }}
        path: tls.crt
      - key: {{ .keyKey | quote }}
        path: tls.key
      {{- if .clientCAKey }}
      - key: {{ .clientCAKey | quote }}
        path: client-ca.crt
      {{- end }}
{{- end }}
{{- end }}
{{- with .Values.ca }}
{{- if .configMap }}
- name: ca
  configMap:
    name: {{ .configMap | quote }}
    items:
      - key: {{ .key | quote }}
        path: ca.crt
{{- else if .secret }}
- name: ca
  secret:
    secretName: {{ .secret | quote }}
    defaultMode: 0440
    items:
      - key: {{ .key | quote }}
        path: ca.crt
{{- end }}
{{- end }}
{{- if and .Values.persistence.enabled (not (include "avepoint-exporter.sharded" .)) }}
- name: storage
  persistentVolumeClaim:
    claimName: {{ default (include "avepoint-exporter.fullname" .) .Values.persistence.existingClaim | quote }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The specification of a volume claim. */}}
{{- define "avepoint-exporter.claim" -}}
accessModes:
  {{- toYaml .Values.persistence.accessModes | nindent 2 }}
{{- if eq .Values.persistence.storageClassName "-" }}
storageClassName: ""
{{- else if .Values.persistence.storageClassName }}
storageClassName: {{ .Values.persistence.storageClassName | quote }}
{{- end }}
resources:
  requests:
    storage: {{ .Values.persistence.size | quote }}
{{- end -}}
