{{/* The directory of the mounted Secrets. In the configuration, each secret becomes the path of a file in this directory. */}}
{{- define "avepoint-exporter.secretsFolder" -}}/etc/avepoint-exporter/secrets{{- end -}}

{{/* The exporter's configuration file, from the accounts. */}}
{{- define "avepoint-exporter.config" -}}
{{- $root := . -}}
{{- $accounts := list -}}
{{- range $account := .Values.accounts -}}
{{- $folder := printf "%s/%s" (include "avepoint-exporter.secretsFolder" $root) $account.name -}}
{{- $given := $account.auth -}}
{{- $auth := pick $given "client_id" "client_secret_file" "certificate_file" "certificate_password_file" -}}
{{- if or $given.client_secret (dig "client_secret_key" "" (default dict $given.existing_secret)) -}}
{{- $_ := set $auth "client_secret_file" (printf "%s/client-secret" $folder) -}}
{{- end -}}
{{- if or $given.certificate (dig "certificate_key" "" (default dict $given.existing_secret)) -}}
{{- $_ := set $auth "certificate_file" (printf "%s/certificate" $folder) -}}
{{- end -}}
{{- if or $given.certificate_password (dig "certificate_password_key" "" (default dict $given.existing_secret)) -}}
{{- $_ := set $auth "certificate_password_file" (printf "%s/certificate-password" $folder) -}}
{{- end -}}
{{- $written := set (omit $account "auth") "auth" $auth -}}
{{- if and (or $root.Values.ca.configMap $root.Values.ca.secret) (not $account.tls) -}}
{{- $_ := set $written "tls" (dict "ca_file" "/etc/avepoint-exporter/ca/ca.crt") -}}
{{- end -}}
{{- $accounts = append $accounts $written -}}
{{- end -}}
{{- $config := dict "accounts" $accounts -}}
{{- with .Values.expectations -}}
{{- $_ := set $config "expectations" . -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* The data of the Secret for inline credentials: one key per account and credential. */}}
{{- define "avepoint-exporter.inlineSecrets" -}}
{{- range $account := .Values.accounts -}}
{{- with $account.auth.client_secret }}
{{ $account.name }}.client-secret: {{ . | b64enc | quote }}
{{- end -}}
{{- with $account.auth.certificate }}
{{ $account.name }}.certificate: {{ . | replace "\n" "" | replace " " "" | quote }}
{{- end -}}
{{- with $account.auth.certificate_password }}
{{ $account.name }}.certificate-password: {{ . | b64enc | quote }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The sources of a projected volume with one directory per account. */}}
{{- define "avepoint-exporter.secretSources" -}}
{{- $root := . -}}
{{- range $account := .Values.accounts -}}
{{- $auth := $account.auth -}}
{{- $items := list -}}
{{- $name := include "avepoint-exporter.configSecret" $root -}}
{{- $keys := dict -}}
{{- if $auth.existing_secret -}}
{{- $name = $auth.existing_secret.name -}}
{{- $keys = dict "client-secret" $auth.existing_secret.client_secret_key "certificate" $auth.existing_secret.certificate_key "certificate-password" $auth.existing_secret.certificate_password_key -}}
{{- else -}}
{{- if $auth.client_secret }}{{ $_ := set $keys "client-secret" (printf "%s.client-secret" $account.name) }}{{ end -}}
{{- if $auth.certificate }}{{ $_ := set $keys "certificate" (printf "%s.certificate" $account.name) }}{{ end -}}
{{- if $auth.certificate_password }}{{ $_ := set $keys "certificate-password" (printf "%s.certificate-password" $account.name) }}{{ end -}}
{{- end -}}
{{- range $path := list "client-secret" "certificate" "certificate-password" -}}
{{- with index $keys $path -}}
{{- $items = append $items (dict "key" . "path" (printf "%s/%s" $account.name $path)) -}}
{{- end -}}
{{- end -}}
{{- if $items }}
- secret:
    name: {{ $name | quote }}
    items:
      {{- toYaml $items | nindent 6 }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The web configuration file, in the format of Prometheus's exporter-toolkit. */}}
{{- define "avepoint-exporter.webConfig" -}}
{{- $config := dict -}}
{{- $tls := .Values.web.tls -}}
{{- if $tls.enabled -}}
{{- $folder := "/etc/avepoint-exporter/tls" -}}
{{- $server := dict "cert_file" (printf "%s/tls.crt" $folder) "key_file" (printf "%s/tls.key" $folder) "min_version" $tls.minVersion -}}
{{- if $tls.clientCAKey -}}
{{- $_ := set $server "client_auth_type" "RequireAndVerifyClientCert" -}}
{{- $_ := set $server "client_ca_file" (printf "%s/client-ca.crt" $folder) -}}
{{- end -}}
{{- $_ := set $config "tls_server_config" $server -}}
{{- end -}}
{{- with .Values.web.basicAuthUsers -}}
{{- $_ := set $config "basic_auth_users" . -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}
