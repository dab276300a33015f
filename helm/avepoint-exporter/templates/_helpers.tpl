{{/* Names. Kubernetes allows 63 characters, so a name is cut before a suffix is added. */}}
{{- define "avepoint-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "avepoint-exporter.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "avepoint-exporter.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{/* A name with a suffix: list ROOT SUFFIX. */}}
{{- define "avepoint-exporter.suffixed" -}}
{{- $suffix := index . 1 -}}
{{- $length := sub 62 (len $suffix) | int -}}
{{- printf "%s-%s" (include "avepoint-exporter.fullname" (index . 0) | trunc $length | trimSuffix "-") $suffix -}}
{{- end -}}

{{/* The name of the StatefulSet. The labels of its pods add an ordinal and a hash within 63 characters. */}}
{{- define "avepoint-exporter.statefulset" -}}
{{- include "avepoint-exporter.fullname" . | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "avepoint-exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "avepoint-exporter.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "avepoint-exporter.configSecret" -}}
{{- include "avepoint-exporter.suffixed" (list . "credentials") -}}
{{- end -}}

{{- define "avepoint-exporter.webSecret" -}}
{{- include "avepoint-exporter.suffixed" (list . "web") -}}
{{- end -}}

{{/* Labels. */}}
{{- define "avepoint-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "avepoint-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "avepoint-exporter.podSelectorLabels" -}}
{{ include "avepoint-exporter.selectorLabels" . }}
app.kubernetes.io/component: exporter
{{- end -}}

{{- define "avepoint-exporter.labels" -}}
{{- $own := dict "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- $_ := set $own "app.kubernetes.io/version" .Chart.AppVersion -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .Release.Service -}}
{{- $_ := set $own "app.kubernetes.io/part-of" (include "avepoint-exporter.name" .) -}}
{{- toYaml (merge (include "avepoint-exporter.selectorLabels" . | fromYaml) $own (default dict .Values.commonLabels)) -}}
{{- end -}}

{{/* Labels of an object: list ROOT OWN_LABELS. */}}
{{- define "avepoint-exporter.objectLabels" -}}
{{- toYaml (merge (include "avepoint-exporter.labels" (index . 0) | fromYaml) (index . 1)) -}}
{{- end -}}

{{/* Labels of an object whose component selectors use: list ROOT COMPONENT OWN_LABELS. */}}
{{- define "avepoint-exporter.componentLabels" -}}
{{- $component := dict "app.kubernetes.io/component" (index . 1) -}}
{{- toYaml (merge $component (include "avepoint-exporter.labels" (index . 0) | fromYaml) (index . 2)) -}}
{{- end -}}

{{- define "avepoint-exporter.image" -}}
{{- $image := .Values.image -}}
{{- $registry := coalesce .Values.global.imageRegistry $image.registry | default "" | trimSuffix "/" -}}
{{- $repository := ternary (printf "%s/%s" $registry $image.repository) $image.repository (ne $registry "") -}}
{{- if $image.digest -}}
{{- if $image.tag -}}
{{- printf "%s:%s@%s" $repository $image.tag $image.digest -}}
{{- else -}}
{{- printf "%s@%s" $repository $image.digest -}}
{{- end -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "avepoint-exporter.imagePullSecrets" -}}
{{- with concat (default list .Values.imagePullSecrets) (default list .Values.image.pullSecrets) | uniq -}}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}

{{/* Conditions on several values. Each template returns "true" or nothing. */}}
{{- define "avepoint-exporter.configured" -}}
{{- if or .Values.accounts .Values.existingConfig.configMap .Values.existingConfig.secret .Values.demo.enabled -}}true{{- end -}}
{{- end -}}

{{- define "avepoint-exporter.sharded" -}}
{{- if gt (int .Values.shards) 1 -}}true{{- end -}}
{{- end -}}

{{- define "avepoint-exporter.ownWebConfig" -}}
{{- if and (not .Values.web.existingSecret.name) (or .Values.web.tls.enabled .Values.web.basicAuthUsers) -}}true{{- end -}}
{{- end -}}

{{- define "avepoint-exporter.verifiesClients" -}}
{{- if or .Values.web.tls.clientCAKey .Values.web.existingSecret.verifiesClients -}}true{{- end -}}
{{- end -}}

{{- define "avepoint-exporter.basicAuth" -}}
{{- if or .Values.web.basicAuthUsers .Values.web.existingSecret.basicAuth -}}true{{- end -}}
{{- end -}}

{{- define "avepoint-exporter.scheme" -}}
{{- ternary "https" "http" (eq (toString .Values.web.tls.enabled) "true") -}}
{{- end -}}

{{/* The request of a probe: list ROOT PATH. If the listener requires a password or a client certificate, the probe only connects. */}}
{{- define "avepoint-exporter.probe" -}}
{{- $root := index . 0 -}}
{{- if or (include "avepoint-exporter.verifiesClients" $root) (include "avepoint-exporter.basicAuth" $root) -}}
tcpSocket:
  port: metrics
{{- else -}}
httpGet:
  path: {{ index . 1 }}
  port: metrics
  scheme: {{ include "avepoint-exporter.scheme" $root | upper }}
{{- end -}}
{{- end -}}

{{/* The ports of networkPolicy.egress.ports, of the proxies and of the URLs of the accounts, separated by commas. */}}
{{- define "avepoint-exporter.egressPorts" -}}
{{- $urls := list .Values.proxy.httpProxy .Values.proxy.httpsProxy -}}
{{- range .Values.accounts }}{{ $urls = append (append (append $urls .proxy_url) .base_url) .token_url }}{{ end -}}
{{- $ports := list -}}
{{- range .Values.networkPolicy.egress.ports }}{{ $ports = append $ports (toString (int .)) }}{{ end -}}
{{- range compact $urls -}}
{{- $port := regexFind ":[0-9]+$" (urlParse .).host | trimPrefix ":" -}}
{{- $ports = append $ports (default (ternary "443" "80" (hasPrefix "https:" .)) $port) -}}
{{- end -}}
{{- uniq $ports | join "," -}}
{{- end -}}
